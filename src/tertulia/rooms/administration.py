"""Requests of moderators and owners as plain data: muc#admin items and the owner form."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tertulia.errors import MalformedInput
from tertulia.rooms.occupant import Affiliation
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest, FeatureNotImplemented, JidMalformed, NotAcceptable
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

MAX_ITEMS = 200

PASSWORD = "muc#roomconfig_roomsecret"  # noqa: S105  # a field's name
PASSWORD_PROTECTED = "muc#roomconfig_passwordprotectedroom"  # noqa: S105
MEMBERS_ONLY = "muc#roomconfig_membersonly"
WHOIS = "muc#roomconfig_whois"
# Stock servers refuse these two; a meeting has its own ways to keep people quiet.
_REFUSED_FIELDS = frozenset({"muc#roomconfig_moderatedroom", "muc#roomconfig_presencebroadcast"})
_TRUE, _FALSE = frozenset({"1", "true"}), frozenset({"0", "false"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kick:
    """Take an occupant's role away (XEP-0045 §8.2)."""

    nick: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AffiliationChange:
    """Give a bare JID another affiliation (XEP-0045 §9, §10)."""

    jid: Jid
    affiliation: Affiliation
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What owners may change. Rooms are never anonymous: clients rely on the real JIDs."""

    password: str = ""
    members_only: bool = False

    def form(self) -> Element:
        """The form to fill in; clients check that the fields they want to set are there (4.8)."""
        form = Element("x", {"type": "form"}, ns=NS.DATA_FORMS)
        form.append(_field("FORM_TYPE", NS.MUC_ROOMCONFIG, "hidden"))
        form.append(_field(PASSWORD_PROTECTED, "1" if self.password else "0", "boolean"))
        form.append(_field(PASSWORD, self.password, "text-private"))
        form.append(_field(MEMBERS_ONLY, "1" if self.members_only else "0", "boolean"))
        form.append(_field(WHOIS, "anyone", "list-single"))
        return Element("query", {}, form, ns=NS.MUC_OWNER)

    def changed(self, form: Element) -> Configuration:
        """With what a submitted form says; fields it leaves out stay as they are.

        Raises: NotAcceptable for a field or value that cannot be had, BadRequest.
        """
        fields = {}
        for each in form.find_all("field"):
            value = each.find("value")
            fields[each.get("var")] = "" if value is None else value.text
        if refused := _REFUSED_FIELDS & fields.keys():
            raise NotAcceptable(f"{min(refused)} cannot be set")
        if fields.get(WHOIS, "anyone") != "anyone":
            raise NotAcceptable("real addresses are visible to everybody here")
        changed = self
        if MEMBERS_ONLY in fields:
            changed = replace(changed, members_only=_boolean(fields[MEMBERS_ONLY]))
        password = fields.get(PASSWORD, self.password)
        if PASSWORD_PROTECTED in fields:
            if not _boolean(fields[PASSWORD_PROTECTED]):
                password = ""
            elif not password:
                raise NotAcceptable("a password is needed to protect the room with one")
        return replace(changed, password=password)


def read_items(query: Element) -> list[Kick | AffiliationChange]:
    """The items of a muc#admin set; stock clients send several in one (reference 4.8).

    Raises: BadRequest, JidMalformed, FeatureNotImplemented.
    """
    items = query.find_all("item")
    if not items or len(items) > MAX_ITEMS:
        raise BadRequest(f"between 1 and {MAX_ITEMS} items were expected")
    return [_read_item(item) for item in items]


def _read_item(item: Element) -> Kick | AffiliationChange:
    reason = item.find("reason")
    text = "" if reason is None else reason.text
    nick, role = item.get("nick"), item.get("role")
    if "affiliation" in item.attrs:
        try:
            affiliation = Affiliation(item.get("affiliation"))
        except ValueError:
            raise BadRequest("no such affiliation") from None
        try:
            jid = Jid.parse(item.get("jid"))
        except MalformedInput as error:
            raise JidMalformed(str(error)) from None
        return AffiliationChange(jid=jid.bare, affiliation=affiliation, reason=text)
    if nick and role == "none":
        return Kick(nick=nick, reason=text)
    if nick and role in ("moderator", "participant", "visitor"):
        raise FeatureNotImplemented("roles follow from affiliations here")
    raise BadRequest("an item names a nick and a role, or a jid and an affiliation")


def _field(var: str, value: str, kind: str) -> Element:
    return Element("field", {"var": var, "type": kind}, Element("value", {}, value))


def _boolean(text: str) -> bool:
    if text not in _TRUE and text not in _FALSE:
        raise BadRequest("a boolean is 1, 0, true or false")
    return text in _TRUE
