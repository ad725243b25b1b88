"""Service discovery (XEP-0030) and entity capabilities (XEP-0115), as plain data."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from tertulia.xmpp import ns as NS
from tertulia.xmpp.xml import Element


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What something is; stock clients take component addresses from `name` (reference 1.9)."""

    category: str
    type: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoInfo:
    """The answer to disco#info. `form` holds the fields of one extension form (XEP-0128)."""

    identities: tuple[Identity, ...] = ()
    features: tuple[str, ...] = ()
    form_type: str = ""
    form: Mapping[str, str] = field(default_factory=dict)

    def build(self, node: str = "") -> Element:
        query = Element("query", {"node": node} if node else None, ns=NS.DISCO_INFO)
        for identity in self.identities:
            attrs = {"category": identity.category, "type": identity.type}
            if identity.name:
                attrs["name"] = identity.name
            query.append(Element("identity", attrs))
        for feature in self.features:
            query.append(Element("feature", {"var": feature}))
        if self.form_type:
            form = Element("x", {"type": "result"}, ns=NS.DATA_FORMS)
            hidden = {"var": "FORM_TYPE", "type": "hidden"}
            form.append(Element("field", hidden, Element("value", {}, self.form_type)))
            for var, value in self.form.items():
                form.append(Element("field", {"var": var}, Element("value", {}, value)))
            query.append(form)
        return query

    @classmethod
    def parse(cls, query: Element) -> DiscoInfo:
        """Read a foreign answer; what does not fit is left out."""
        identities = tuple(
            Identity(category=e.get("category"), type=e.get("type"), name=e.get("name"))
            for e in query.find_all("identity")
        )
        features = tuple(e.get("var") for e in query.find_all("feature") if e.get("var"))
        form_type, fields = "", {}
        form = query.find("x", NS.DATA_FORMS)
        if form is not None:
            for each in form.find_all("field"):
                value = each.find("value")
                fields[each.get("var")] = "" if value is None else value.text
            form_type = fields.pop("FORM_TYPE", "")
        return cls(identities=identities, features=features, form_type=form_type, form=fields)

    def caps(self, node: str) -> Element:
        """The `<c/>` to announce this in presence (XEP-0115 §5.1, SHA-1 as everybody does)."""
        text = "".join(
            f"{i.category}/{i.type}//{i.name}<"
            for i in sorted(self.identities, key=lambda i: (i.category, i.type, i.name))
        )
        text += "".join(f"{feature}<" for feature in sorted(self.features))
        if self.form_type:
            text += f"{self.form_type}<"
            text += "".join(f"{var}<{value}<" for var, value in sorted(self.form.items()))
        digest = hashlib.sha1(text.encode(), usedforsecurity=False).digest()
        ver = base64.b64encode(digest).decode()
        return Element("c", {"hash": "sha-1", "node": node, "ver": ver}, ns=NS.CAPS)
