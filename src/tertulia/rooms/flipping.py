"""Moving a visit to another device: `<flip_device/>` in the presence of somebody who joins.

Whoever shows a token that names the same person (`context.user.id`) as somebody here and allows
`flip` takes that one's place: past the lobby and the password, with the same affiliation, and the
other device leaves. From everybody else the element is taken out, since clients do not announce
who comes with it (signalling reference 4.1, 4.7).
"""

from __future__ import annotations

from tertulia.rooms.occupant import Occupant
from tertulia.rooms.roster import Roster
from tertulia.xmpp import ns as NS
from tertulia.xmpp.admission import Admission
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

NAME = "flip_device"
MARK = Element(NAME, ns=NS.CLIENT)
_FEATURE = "flip"


def place_for(jid: Jid, admission: Admission, stanza: Element, roster: Roster) -> Occupant | None:
    """Whose place somebody who comes now takes over; None for a place of its own."""
    person = admission.user.get("id", "")
    if stanza.find(NAME) is None or not person or not admission.is_authenticated:
        return None
    if not admission.grants(_FEATURE, to_moderator=False):
        return None
    return next(
        (
            each
            for each in roster.people()
            if each.admission.is_authenticated
            and each.admission.user.get("id") == person
            and each.jid.bare != jid.bare
        ),
        None,
    )
