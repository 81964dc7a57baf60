// The arrays of a batch, as parameters in Postgres' binary format: neither side writes or reads each element as text, which
// costs both about twice as much. The type comes from the placeholder (`$3::uuid[]`). What is no plain value of that type
// goes as text, and Postgres says what it thinks of it. The format: https://www.postgresql.org/docs/current/protocol-message-formats.html
// and `array_recv` in Postgres' arrayfuncs.c.

export type Plain = string | number | boolean | Date | null;

interface ElementType {
  readonly oid: number;
  readonly bytes: number;
  /** Writes the element at `at`; answers false for one that is not of this type. */
  write(into: Buffer, value: NonNullable<Plain>, at: number): boolean;
}

const lengthBytes = 4;
const headBytes = 20;
const firstIndex = 1;
const absent = -1;

/** The parameter as bytes where all of it is of the type, and as a text otherwise. */
export function encodeArray(typeName: string | undefined, values: readonly Plain[]): Buffer | string {
  const type = typeName === undefined ? undefined : elementTypes[typeName];
  const bytes = typeName === 'text' ? textsAsBytes(values) : type && asBytes(type, values);
  return bytes ?? asText(values);
}

function asBytes(type: ElementType, values: readonly Plain[]): Buffer | undefined {
  const into = Buffer.allocUnsafe(headBytes + values.length * (lengthBytes + type.bytes));
  let at = headBytes;
  let hasNull = false;
  for (const value of values) {
    if (value === null) {
      hasNull = true;
      at = putInt(into, absent, at);
      continue;
    }
    if (!type.write(into, value, at + lengthBytes)) return undefined;
    at = putInt(into, type.bytes, at) + type.bytes;
  }
  putHead(into, type.oid, values.length, hasNull);
  return into.subarray(0, at);
}

function putHead(into: Buffer, oid: number, count: number, hasNull: boolean): void {
  let at = 0;
  for (const part of [1, hasNull ? 1 : 0, oid, count, firstIndex]) at = putInt(into, part, at);
}

// By hand, here and below: a call of Buffer's own for so few bytes takes longer than they do.
function putInt(into: Buffer, value: number, at: number): number {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
  return at + 4;
}

const textOid = 25;
const asciiMaxLength = 0x7f;
const absentText = '\xff\xff\xff\xff';
const lengthTexts = Array.from(
  { length: asciiMaxLength + 1 },
  (_, length) => `\0\0\0${String.fromCharCode(length)}`,
);

// Texts and lengths are joined and written at once, each character as its byte: right for short ones of ASCII, as most are.
function textsAsBytes(values: readonly Plain[]): Buffer | undefined {
  const parts: string[] = [];
  let nullCount = 0;
  for (const value of values) {
    if (value === null) {
      nullCount += 1;
      parts.push(absentText);
      continue;
    }
    if (typeof value !== 'string' || value.length > asciiMaxLength) return undefined;
    parts.push(lengthTexts[value.length] as string, value);
  }
  const joined = parts.join('');
  // As UTF-8 whatever is no ASCII takes more than one byte, and so do the four of each null.
  if (Buffer.byteLength(joined) !== joined.length + nullCount * absentText.length) return undefined;
  const into = Buffer.allocUnsafe(headBytes + joined.length);
  putHead(into, textOid, values.length, nullCount > 0);
  into.write(joined, headBytes, 'latin1');
  return into;
}

const dash = 0x2d;
const dashPlaces = [8, 13, 18, 23];
const uuidLength = 36;
const notHex = 0x10;
const nibbles = Uint8Array.from({ length: 0x80 }, (_, code) => {
  const place = '0123456789abcdef'.indexOf(String.fromCharCode(code));
  return place < 0 ? notHex : place;
});

const uuid: ElementType = {
  oid: 2950,
  bytes: 16,
  write: (into, value, at) => {
    if (typeof value !== 'string' || value.length !== uuidLength) return false;
    let seen = 0;
    let end = at;
    for (let index = 0; index < uuidLength; index += 2) {
      if (value.charCodeAt(index) === dash) index += 1;
      const high = nibbles[value.charCodeAt(index)] ?? notHex;
      const low = nibbles[value.charCodeAt(index + 1)] ?? notHex;
      seen |= high | low;
      into[end] = (high << 4) | low;
      end += 1;
    }
    return seen < notHex && end === at + 16 && dashPlaces.every((place) => value.charCodeAt(place) === dash);
  },
};

const postgresEpochMs = Date.UTC(2000, 0, 1);
const twoTo32 = 2 ** 32;

const timestamptz: ElementType = {
  oid: 1184,
  bytes: 8,
  write: (into, value, at) => {
    const since2000 = value instanceof Date ? microsOf(value.getTime(), 0) : microsOfText(value);
    if (!Number.isSafeInteger(since2000)) return false;
    const high = Math.floor(since2000 / twoTo32);
    putInt(into, since2000 - high * twoTo32, putInt(into, high, at));
    return true;
  },
};

const instantForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(\d{3})?Z$/;

// Of our own spelling of an instant, and of `Date`'s.
function microsOfText(value: NonNullable<Plain>): number {
  if (typeof value !== 'string' || !instantForm.test(value)) return Number.NaN;
  const millis = Date.parse(value);
  const day = Number(value.slice(8, 10));
  // A Date makes the second of March of the thirtieth of February, which Postgres refuses.
  if (day > 28 && new Date(millis).getUTCDate() !== day) return Number.NaN;
  return microsOf(millis, Number(value.slice(23, -1))); // below a millisecond a Date knows nothing
}

// Since Postgres' own epoch, which keeps them exact for longer than since that of a Date.
function microsOf(millis: number, micros: number): number {
  return (millis - postgresEpochMs) * 1000 + micros;
}

const float8: ElementType = {
  oid: 701,
  bytes: 8,
  write: (into, value, at) => typeof value === 'number' && into.writeDoubleBE(value, at) > at,
};

const int: ElementType = {
  oid: 23,
  bytes: 4,
  write: (into, value, at) =>
    typeof value === 'number' && value === (value | 0) && putInt(into, value, at) > at,
};

const boolean: ElementType = {
  oid: 16,
  bytes: 1,
  write: (into, value, at) => {
    into[at] = value === true ? 1 : 0;
    return typeof value === 'boolean';
  },
};

const elementTypes: Readonly<Record<string, ElementType>> = {
  uuid,
  timestamptz,
  float8,
  int,
  boolean,
  bool: boolean,
};

const needsEscape = /["\\]/;

// Joined, and not put together piece by piece: each piece would be garbage.
function asText(values: readonly Plain[]): string {
  if (values.length === 0) return '{}';
  const isAllText = values.every((value) => typeof value === 'string' && !needsEscape.test(value));
  return isAllText ? `{"${values.join('","')}"}` : `{${values.map(elementText).join(',')}}`;
}

function elementText(value: Plain): string {
  if (value === null) return 'NULL';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? `"${value.replace(/["\\]/g, '\\$&')}"` : String(value);
}
