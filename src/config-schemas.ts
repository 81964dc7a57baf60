// How the texts of the environment are read: one schema for each form that a key can have. Each says in its message what
// it wants, and none repeats the value, which may be a secret.
import { z } from 'zod';
import { keyBytes } from './cipher.ts';
import { parseTemplate, type Template } from './ilive/signature.ts';
import { isPostgresAddress } from './postgres-address.ts';
import { Secret } from './secret.ts';

export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`);

export const list = z.string().transform((text, context) => {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  // Only an empty text is an empty list: whoever wrote commas meant to put something between them.
  if (items.length > 0 || text === '') return items;
  context.addIssue({ code: 'custom', message: 'has nothing between its commas; unset it, or fill it in' });
  return z.NEVER;
});

export const secretList = list.transform((items) => items.map((item) => new Secret(item)));

export const jsonObject = <T extends z.ZodType>(values: T) =>
  z.string().transform((text, context): Record<string, z.infer<T>> => {
    try {
      return z.record(z.string().min(1), values).parse(JSON.parse(text));
    } catch {
      context.addIssue({
        code: 'custom',
        message: 'must be a JSON object of the form shown in .env.example',
      });
      return z.NEVER;
    }
  });

export const url = (...schemes: string[]) =>
  z
    .string()
    .refine((text) => schemes.some((scheme) => text.startsWith(`${scheme}://`)), {
      message: `must start with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    })
    .refine(isAddress, {
      error: ({ input }) => (/^redis/.test(String(input)) ? noRedisAddress : noPostgresAddress),
    })
    .transform((text) => new Secret(text));

const noAddress = 'is no address; in a password %, #, /, ? and @ are written as %25, %23, %2F, %3F and %40';
const noPostgresAddress = `${noAddress}; it names one host`;
const noRedisAddress = `${noAddress}; a database is named by its number (redis://host:port/1), and a cluster has one only`;

// Whoever connects would quote one that cannot be read, with its password. Clusters have an address of their own form.
function isAddress(text: string): boolean {
  if (!isDecodable(text)) return false;
  if (/^postgres(ql)?:/.test(text)) return isPostgresAddress(text);
  const hosts = /^rediss?-cluster:\/\/(?:[^:@]*:[^@]*@)?(.*)$/.exec(text)?.[1];
  if (hosts !== undefined)
    return hosts.split(',').every((host) => hostAndPort.test(host) && URL.canParse(`redis://${host}`));
  return !/^rediss?:/.test(text) || namesDatabaseByNumber(text);
}

const hostAndPort = /^(?:\[[\da-f:.]+\]|[^\s:@/?#[\]]+)(?::\d{1,5})?\/?$/i;

function namesDatabaseByNumber(text: string): boolean {
  const url = URL.parse(text);
  const names = [url?.pathname.slice(1), url?.searchParams.get('db')].filter((name) => name);
  return url !== null && names.every((name) => /^\d{1,9}$/.test(name ?? ''));
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false; // a percent sign that begins nothing
  }
}

export const urlList = (...schemes: string[]) =>
  list.transform((items, context) =>
    items.map((item) => {
      const isOfScheme = schemes.some((scheme) => item.startsWith(`${scheme}://`));
      // Each is called by its host, which has to stand in it.
      if (isOfScheme && URL.canParse(item) && isAddress(item)) return new Secret(item);
      const must = `must be addresses that start with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}, separated by commas`;
      context.addIssue({ code: 'custom', message: isOfScheme ? `has one that ${noAddress}` : must });
      return z.NEVER;
    }),
  );

/** Origins as browsers send them: scheme, host and port, and nothing behind. */
export const origins = list.transform((items, context) => {
  for (const item of items) {
    const { origin, protocol } = URL.parse(item) ?? {};
    if (origin === item && /^https?:$/.test(protocol ?? '')) continue;
    const message = 'must be exact origins such as https://desk.example.com, without a path; * is not taken';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
  return items;
});

/** A secret that is sent in a header, which takes neither spaces nor letters beyond ASCII. */
export const headerSecret = (minChars: number) =>
  z
    .string()
    .regex(
      /^[\x21-\x7e]+$/,
      'holds what cannot be sent in a header: only letters, digits and signs of ASCII can, and no space',
    )
    .min(minChars, `must be at least ${minChars} characters`)
    .transform((text) => new Secret(text));

/** An address that is no secret, and holds none; without a slash at its end. */
export const plainUrl = (...schemes: string[]) =>
  z
    .string()
    .refine((text) => schemes.some((scheme) => text.startsWith(`${scheme}://`)) && URL.canParse(text), {
      message: `must be an address such as ${schemes[0]}://hooks.example.com (${schemes.map((scheme) => `${scheme}://`).join(' or ')})`,
    })
    .refine((text) => !URL.parse(text)?.username && !URL.parse(text)?.password, {
      message: 'must name no user and no password: the address is shown',
    })
    .transform((text) => text.replace(/\/+$/, ''));

export const template = z.string().transform((text, context): Template => {
  const parsed = parseTemplate(text);
  if (typeof parsed !== 'string') return parsed;
  context.addIssue({ code: 'custom', message: parsed });
  return z.NEVER;
});

export interface Key<T extends z.ZodType = z.ZodType> {
  readonly schema: T;
  /** The text that stands for an absent key; null where absence has a meaning of its own, told in `doc`. */
  readonly defaultText: string | null;
  readonly doc: string;
  readonly example?: string;
  readonly isSecret?: boolean;
}

export const key = <T extends z.ZodType>(
  schema: T,
  defaultText: string | null,
  doc: string,
  more: { example?: string; isSecret?: boolean } = {},
): Key<T> => ({
  schema,
  defaultText,
  doc,
  ...more,
});

/** Whether a text holds a secret of the key's own example, which everybody can read. */
export function holdsExample(text: string, { schema, example, isSecret }: Key): boolean {
  if (isSecret !== true || example === undefined) return false;
  const shown = secretsIn(schema.safeParse(example).data);
  return (
    text === example ||
    secretsIn(schema.safeParse(text).data).some((own) => shown.some((each) => each.isEqualTo(own.reveal())))
  );
}

function secretsIn(value: unknown): Secret[] {
  if (value instanceof Secret) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(secretsIn) : [];
}

/** `id:base64,id:base64`, the first of which encrypts. */
export const encryptionKeys = list.transform((items, context) => {
  const keys = items.map((item) => {
    const [, id = '', key = ''] = /^([\w-]{1,32}):(.+)$/.exec(item) ?? [];
    if (id === '' || Buffer.from(key, 'base64').length !== keyBytes) {
      context.addIssue({
        code: 'custom',
        message: `must be id:key, with a key of ${keyBytes} bytes in base64`,
      });
      return z.NEVER;
    }
    return { id, key: new Secret(key) };
  });
  if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    context.addIssue({ code: 'custom', message: 'has two keys with the same id; give each its own' });
  }
  return keys;
});
