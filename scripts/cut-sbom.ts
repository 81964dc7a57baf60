// A bill of materials in CycloneDX, cut down to what production has. It must never add or invent: what is not listed is told as missing.
export interface Component {
  readonly 'bom-ref': string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
}

export interface Bom {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

// A scope is a group of its own in some versions of npm, and a part of the name in others.
export const nameOf = ({ group, name, version }: Pick<Component, 'group' | 'name' | 'version'>) =>
  `${group === undefined || group === '' ? name : `${group}/${name}`}@${version}`;

/** Leaves what is locked for production. npm's own `--omit=dev` leaves out whatever a developer's package needs as well. */
export function leaveProduction(bom: Bom, locked: ReadonlySet<string>): Bom {
  const components = bom.components.filter((component) => locked.has(nameOf(component)));
  const refs = new Set([bom.metadata.component['bom-ref'], ...components.map((each) => each['bom-ref'])]);
  const dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => refs.has(each)) }));
  return { ...bom, components, dependencies };
}
