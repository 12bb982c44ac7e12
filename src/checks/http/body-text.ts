import { TextDecoder } from 'node:util';

/** The text of a body in the encoding that `contentType` names; in UTF-8 where it names none that is known. */
export function bodyText(bytes: Buffer, contentType: string | undefined): string {
  const label = /;\s*charset\s*=\s*"?([\w.:-]{1,40})/i.exec(contentType ?? '')?.[1];
  return decoderOf(label).decode(bytes);
}

function decoderOf(label: string | undefined): TextDecoder {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder();
  }
}
