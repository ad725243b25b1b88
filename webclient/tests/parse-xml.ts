/** Stanzas as people write them, for tests. */
import { Window } from "happy-dom";
import { fromDom, type Xml } from "../src/protocol/xml";

const window = new Window();

export function parseXml(source: string): Xml {
  const document = new window.DOMParser().parseFromString(source, "text/xml");
  const root = document.documentElement;
  if (!root) throw new Error(`not XML: ${source}`);
  return fromDom(root as unknown as Element);
}
