/**
 * The code two people compare: the same six bytes as numbers and as pictures (Matrix specification,
 * "SAS method: decimal" and "SAS method: emoji"; stock clients show the same).
 */

/** Bytes a code is made from. */
export const CODE_BYTES = 6;

/** Three numbers from 1000 to 9191. */
export function decimalCode(bytes: Uint8Array): number[] {
  return [0, 13, 26].map((offset) => 1000 + bits(bytes, offset, 13));
}

/** Seven positions in the table of 64 pictures. */
export function pictureCode(bytes: Uint8Array): number[] {
  return Array.from({ length: 7 }, (_, place) => bits(bytes, 6 * place, 6));
}

function bits(bytes: Uint8Array, offset: number, length: number): number {
  let value = 0;
  for (let bit = offset; bit < offset + length; bit += 1) {
    value = 2 * value + ((bytes[bit >> 3]! >> (7 - (bit & 7))) & 1);
  }
  return value;
}
