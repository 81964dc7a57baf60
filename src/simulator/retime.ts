// Moves what a message says to another time, in its bytes and in what they mean alike. A scenario is planned before it is
// played; a session that the service creates on the way must end after it was created. Every time in a payload is written
// in the same number of characters, so nothing else in the bytes moves, and a broken message stays as broken as it was.
import type { Message } from './message.ts';
import type { Statement } from './statement.ts';
import { writeMicros } from './statement.ts';

const writtenTime = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.(\d{6})(?=\+00:00)/g;

/** The message as it would have been written `deltaMicros` later. */
export function retimeMessage(message: Message, deltaMicros: number): Message {
  const { meaning } = message;
  return {
    ...message,
    signedBody: retimeBytes(message.signedBody, deltaMicros),
    sentBody: retimeBytes(message.sentBody, deltaMicros),
    meaning:
      meaning.fate === 'recorded'
        ? { ...meaning, statement: retimeStatement(meaning.statement, deltaMicros) }
        : meaning,
  };
}

export function retimeStatement<T extends Statement>(statement: T, deltaMicros: number): T {
  return statement.atMicros === null
    ? statement
    : { ...statement, atMicros: statement.atMicros + deltaMicros };
}

// As Latin-1 every byte is a character of its own, also in a body that is no text.
function retimeBytes(bytes: Buffer, deltaMicros: number): Buffer {
  const text = bytes.toString('latin1').replaceAll(writtenTime, (written, micros: string) => {
    const atMicros = Date.parse(`${written.slice(0, 19)}Z`) * 1000 + Number(micros);
    return writeMicros(atMicros + deltaMicros);
  });
  return Buffer.from(text, 'latin1');
}
