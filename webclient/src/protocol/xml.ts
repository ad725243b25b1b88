/**
 * Stanzas as plain data, so that every dialogue can be tested without a browser.
 *
 * `xmlns` is an ordinary attribute here, written on each element that has its own namespace:
 * stock clients select elements by that literal attribute.
 */
export interface Xml {
  readonly name: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: readonly (Xml | string)[];
}

/** Build an element; `undefined` attributes and `null` children are left out. */
export function xml(
  name: string,
  attrs: Readonly<Record<string, string | number | undefined>> = {},
  ...children: readonly (Xml | string | null | undefined)[]
): Xml {
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries(attrs)) {
    if (value !== undefined) kept[key] = String(value);
  }
  return {
    name,
    attrs: kept,
    children: children.filter(
      (child): child is Xml | string => child !== null && child !== undefined,
    ),
  };
}

export function elements(parent: Xml | undefined, name?: string): Xml[] {
  if (!parent) return [];
  return parent.children.filter(
    (child): child is Xml =>
      typeof child !== "string" && (name === undefined || child.name === name),
  );
}

/** First child element with that name and, when given, that namespace. */
export function child(parent: Xml | undefined, name: string, xmlns?: string): Xml | undefined {
  return elements(parent, name).find(
    (element) => xmlns === undefined || element.attrs.xmlns === xmlns,
  );
}

export function text(element: Xml | undefined): string {
  if (!element) return "";
  return element.children.map((each) => (typeof each === "string" ? each : text(each))).join("");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

// XML 1.0 §2.2 has no place for these characters, not even escaped: one of them would make the
// server end the whole stream.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** Half a surrogate pair is no character either, and cannot be sent as UTF-8. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

export function escapeXml(value: string): string {
  return value
    .replace(FORBIDDEN, "")
    .replace(LONE_SURROGATE, "\ufffd")
    .replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

export function serialize(element: Xml): string {
  const attrs = Object.entries(element.attrs)
    .map(([key, value]) => ` ${key}="${escapeXml(value)}"`)
    .join("");
  if (element.children.length === 0) return `<${element.name}${attrs}/>`;
  const inner = element.children
    .map((each) => (typeof each === "string" ? escapeXml(each) : serialize(each)))
    .join("");
  return `<${element.name}${attrs}>${inner}</${element.name}>`;
}

/** Copy a DOM element (from the XMPP library) into plain data. */
export function fromDom(element: Element): Xml {
  const attrs: Record<string, string> = {};
  for (const attribute of Array.from(element.attributes)) {
    attrs[attribute.name] = attribute.value;
  }
  const children: (Xml | string)[] = [];
  for (const node of Array.from(element.childNodes)) {
    if (node.nodeType === 1) children.push(fromDom(node as Element));
    else if (node.nodeType === 3 || node.nodeType === 4) children.push(node.nodeValue ?? "");
  }
  return { name: element.tagName, attrs, children };
}
