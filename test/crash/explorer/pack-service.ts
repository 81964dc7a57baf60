// Packs the service into one file with the points in it: the sources as they are but for the points, and the packages that
// they stand on. One file starts four times as fast as eight hundred, and a kill is as dear as the start after it. What asks
// for its own place on the disk is told the place that it has in the repository.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { findPoints } from './find-points.ts';
import { readWatchedFiles, root } from './watched-files.ts';

export interface Packed {
  /** The program of a child. */
  readonly program: string;
  /** The names of the points; three instants each. */
  readonly points: readonly string[];
  /** Where Node keeps what it has compiled. */
  readonly compileCache: string;
}

/** Writes the program into `folder`. */
export async function packService(folder: string): Promise<Packed> {
  const { points, codeOf } = findPoints(readWatchedFiles());
  const program = path.join(folder, 'service.cjs');
  await mkdir(folder, { recursive: true });
  const { outputFiles } = await build({
    entryPoints: [path.join(import.meta.dirname, 'child.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    write: false,
    outfile: program,
    logLevel: 'error',
    // Written in C++ and not there on every machine; whoever asks for them does without.
    external: ['cpu-features', 'msgpackr-extract', 'pg-native'],
    plugins: [withPoints(codeOf)],
  });
  await writeFile(program, outputFiles[0]?.contents ?? '');
  return { program, points, compileCache: path.join(folder, 'compiled') };
}

function withPoints(codeOf: ReadonlyMap<string, string>): Plugin {
  const src = path.join(root, 'src');
  return {
    name: 'points',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.(ts|[cm]?js)$/ }, async ({ path: file }) => {
        const text = codeOf.get(path.relative(src, file)) ?? (await readFile(file, 'utf8'));
        return { contents: tellPlace(text, file), loader: file.endsWith('.ts') ? 'ts' : 'js' };
      });
    },
  };
}

function tellPlace(text: string, file: string): string {
  const [folder, url] = [path.dirname(file), pathToFileURL(file).href].map((place) => JSON.stringify(place));
  const placed = text
    .replaceAll('import.meta.dirname', String(folder))
    .replaceAll('import.meta.url', String(url));
  const needsFolder = /\b__dirname\b/.test(placed) && file.includes('node_modules');
  return needsFolder ? `var __dirname = ${folder};${placed}` : placed;
}
