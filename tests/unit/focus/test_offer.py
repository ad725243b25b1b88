"""What a participant is offered, by what its client can do (reference signalling 5.2)."""

from __future__ import annotations

from tertulia.focus import features as F
from tertulia.focus.offer import media_offer
from tertulia.xmpp.jingle_rtp import PayloadType

BROWSER = frozenset({F.AUDIO, F.VIDEO, F.RTX, F.TRANSPORT_CC, F.OPUS_RED})


def audio(features: F.Features, *, opus_red: bool) -> list[PayloadType]:
    return list(media_offer(features, opus_red=opus_red)[0].payload_types)


def test_redundant_audio_is_offered_when_it_is_on_to_clients_that_can_do_it() -> None:
    red, opus, *_ = audio(BROWSER, opus_red=True)

    assert (red.id, red.name, red.clockrate, red.channels) == (112, "red", 48000, 2)
    assert red.parameters == (("", "111/111"),)
    assert (opus.id, opus.name) == (111, "opus")


def test_redundant_audio_is_offered_to_nobody_else() -> None:
    offers = (audio(BROWSER, opus_red=False), audio(BROWSER - {F.OPUS_RED}, opus_red=True))

    assert [[each.name for each in offer] for offer in offers] == [["opus", "telephone-event"]] * 2


def test_the_parameter_of_redundant_audio_has_a_value_and_no_name() -> None:
    element = audio(BROWSER, opus_red=True)[0].element()

    parameter = element.find("parameter")
    assert parameter is not None
    assert parameter.attrs == {"name": "", "value": "111/111"}
    assert PayloadType.parse(element).parameters == (("", "111/111"),)
