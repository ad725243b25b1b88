//! Streams with spatial and temporal layers: what passes can be decoded, and looks whole.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::world::svc::{Decoder, Encoder, Mode, Packet};
use crate::world::{AV1, MS, VP9, World, layered, video, wanted};
use _engine::codecs;
use _engine::counters::Drop;
use _engine::dd::Reader;
use _engine::events::Event;
use _engine::forward::{Projection, Verdict};
use _engine::incoming::{Incoming, Shape};
use _engine::passage::Highest;
use _engine::setup::{Codec, Wanted};
use _engine::vp9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    Vp9,
    Described,
}

/// One stream on its way through one projection to a decoder.
struct Line {
    telling: Telling,
    encoder: Encoder,
    projection: Projection,
    sent: Reader,
    received: Reader,
    decoder: Decoder,
    start: Instant,
    picture: u32,
    seq: u64,
    last_seq: Option<u64>,
    last_timestamp: Option<u32>,
    /// Frame numbers the receiver has got whole, as it reads them.
    numbers: Vec<u16>,
    /// When to encode a key picture, once asked.
    key_due: Option<u32>,
    asked: usize,
}

impl Line {
    fn new(telling: Telling, mode: Mode) -> Line {
        Line {
            telling,
            encoder: Encoder::new(mode),
            projection: Projection::new(100),
            sent: Reader::default(),
            received: Reader::default(),
            decoder: Decoder::default(),
            start: Instant::now(),
            picture: 0,
            seq: 5000,
            last_seq: None,
            last_timestamp: None,
            numbers: Vec::new(),
            key_due: Some(0),
            asked: 0,
        }
    }

    fn aim(&mut self, spatial: u8, temporal: u8) {
        if self.projection.aim(0, Highest { spatial, temporal }) {
            self.ask();
        }
    }

    fn ask(&mut self) {
        if self.key_due.is_none() {
            self.asked += 1;
            self.key_due = Some(self.picture + 4);
        }
    }

    /// Let pictures pass; what was shown of them, as (spatial, temporal).
    fn run(&mut self, pictures: u32) -> Vec<(u8, u8)> {
        let before = self.decoder.shown.len();
        for _ in 0..pictures {
            let is_key = self.key_due.is_some_and(|due| self.picture >= due);
            if is_key {
                self.key_due = None;
            }
            for packet in self.encoder.encode(is_key) {
                self.pass(&packet);
            }
            self.picture += 1;
        }
        let shown = &self.decoder.shown[before..];
        shown
            .iter()
            .map(|&(_, spatial, temporal)| (spatial, temporal))
            .collect()
    }

    fn pass(&mut self, packet: &Packet) {
        self.seq += 1;
        let shape = match self.telling {
            Telling::Vp9 => codecs::shape(Codec::Vp9, &packet.vp9).unwrap(),
            Telling::Described => {
                Shape::Described(self.sent.read(&packet.descriptor).unwrap().into())
            }
        };
        let now = self.start + Duration::from_micros(33_333) * self.picture;
        let incoming = Incoming {
            encoding: 0,
            seq: self.seq,
            timestamp: packet.id.0,
            marker: packet.marker,
            shape,
            captured: now,
            clock_rate: 90_000,
        };
        let Verdict {
            forward,
            needs_keyframe,
        } = self.projection.accept(now, &incoming);
        if needs_keyframe {
            self.ask();
        }
        let Some(numbers) = forward else { return };
        self.decoder.take(packet, numbers.marker);
        if let Some(last) = self.last_seq.replace(numbers.seq) {
            assert_eq!(numbers.seq, last + 1, "{packet:?}");
        }
        if let Some(last) = self.last_timestamp.replace(numbers.timestamp) {
            assert!(numbers.timestamp.wrapping_sub(last) < 1 << 31);
        }
        match &incoming.shape {
            Shape::Vp9(vp9) => {
                let frame = numbers.frame;
                let mut renumbered = packet.vp9.clone();
                vp9::renumber(&mut renumbered, vp9, frame.picture_id, frame.tl0_pic_idx);
                let header = vp9::parse(&renumbered).unwrap();
                assert_eq!(header.picture_id.unwrap().0, frame.picture_id.unwrap());
            }
            Shape::Described(frame) => {
                let new = numbers.frame.described.unwrap();
                let bytes = frame.rewritten(new.frame_number, new.template_shift, new.active);
                self.read_as_receiver(&bytes, packet);
            }
            _ => unreachable!(),
        }
    }

    /// The receiver finds every frame it is told to need.
    fn read_as_receiver(&mut self, bytes: &[u8], packet: &Packet) {
        let frame = self.received.read(bytes).expect("a descriptor it can read");
        assert_eq!(
            (frame.spatial, frame.temporal),
            (packet.id.1, packet.temporal)
        );
        if frame.ends_frame {
            for back in frame.references.iter() {
                let needed = frame.number.wrapping_sub(back);
                assert!(self.numbers.contains(&needed), "{packet:?} lacks {needed}");
            }
            self.numbers.push(frame.number);
        }
        let shown = frame.structure.targets.iter().enumerate();
        let top = shown
            .filter(|(target, _)| frame.active >> target & 1 == 1)
            .map(|(_, layer)| layer.0)
            .max();
        assert!(Some(frame.spatial) <= top, "more than is said to be active");
    }
}

fn all_kinds() -> impl Iterator<Item = Line> {
    [Telling::Vp9, Telling::Described]
        .into_iter()
        .flat_map(|telling| [Mode::Key, Mode::Full].map(|mode| Line::new(telling, mode)))
}

#[test]
fn the_lowest_layers_pass_alone() {
    for mut line in all_kinds() {
        line.aim(0, 0);

        let shown = line.run(40);

        assert_eq!(shown, [(0, 0); 10], "{:?}", line.telling);
        assert_eq!(line.asked, 0);
    }
}

#[test]
fn everything_passes_unchanged_when_all_is_wanted() {
    for mut line in all_kinds() {
        line.aim(7, 7);

        let shown = line.run(40);

        assert_eq!(shown[..4], [(2, 0), (2, 2), (2, 1), (2, 2)]);
        assert_eq!(shown.len(), 40);
    }
}

#[test]
fn a_step_up_takes_one_keyframe() {
    for mut line in all_kinds() {
        line.aim(0, 7);
        assert!(line.run(30).iter().all(|layer| layer.0 == 0));
        line.aim(2, 7);

        let shown = line.run(40);

        assert_eq!(shown.len(), 40, "no picture is missing meanwhile");
        assert!(shown[..4].iter().all(|layer| layer.0 == 0), "{shown:?}");
        assert!(shown[8..].iter().all(|layer| layer.0 == 2), "{shown:?}");
        assert_eq!(line.asked, 1);
    }
}

#[test]
fn a_step_down_takes_a_keyframe_only_where_layers_do_not_build_on_each_other() {
    for telling in [Telling::Vp9, Telling::Described] {
        for (mode, asked) in [(Mode::Key, 1), (Mode::Full, 0)] {
            let mut line = Line::new(telling, mode);
            line.aim(2, 7);
            line.run(30);
            line.aim(1, 7);

            let shown = line.run(40);

            assert!(shown.len() >= 35, "{shown:?}");
            assert!(shown[8..].iter().all(|layer| layer.0 == 1), "{shown:?}");
            assert_eq!(line.asked, asked, "{telling:?} {mode:?}");
        }
    }
}

#[test]
fn temporal_layers_come_and_go_without_a_keyframe() {
    for mut line in all_kinds() {
        line.aim(1, 2);
        line.run(20);
        line.aim(1, 0);
        let slow = line.run(20);
        line.aim(1, 1);
        let medium = line.run(20);
        line.aim(1, 2);
        let fast = line.run(20);

        assert!(slow.len() <= 6, "{slow:?}");
        assert!((9..=11).contains(&medium.len()), "{medium:?}");
        assert!(fast.len() >= 17, "{fast:?}");
        assert_eq!(line.asked, 0);
    }
}

#[test]
fn a_resumed_stream_goes_on_where_it_stopped() {
    for mut line in all_kinds() {
        line.aim(2, 7);
        line.run(10);
        line.projection.suspend();
        assert!(line.run(10).is_empty());
        line.aim(1, 7);

        let shown = line.run(20);

        assert!(shown.iter().all(|layer| layer.0 == 1));
        assert!(shown.len() >= 15);
    }
}

#[test]
fn whatever_is_wanted_and_when_all_that_passes_can_be_decoded() {
    for seed in 0..8 {
        for mut line in all_kinds() {
            let mut rng = fastrand::Rng::with_seed(seed);
            for _ in 0..40 {
                match rng.u8(..10) {
                    0 => line.projection.suspend(),
                    1 => line.projection.interrupt(),
                    _ => line.aim(rng.u8(..4), rng.u8(..4)),
                }
                line.run(rng.u32(1..20));
            }
            line.aim(1, 2);
            line.run(60);
            let shown = line.run(10);
            assert!(
                shown.len() == 10 && shown.iter().all(|layer| layer.0 == 1),
                "seed {seed} {:?}: {shown:?}",
                line.telling
            );
        }
    }
}

#[test]
fn a_receiver_without_a_structure_learns_which_decode_targets_are_active() {
    let mut line = Line::new(Telling::Described, Mode::Key);
    line.aim(1, 1);
    line.run(8);

    let structure = line.encoder.encode(true).swap_remove(0);
    let frame = line.received.read(&structure.descriptor).unwrap();
    assert_eq!(
        frame.structure.within(4),
        0b1_1000,
        "S1T0 and S1T1 of key-frame SVC"
    );
    assert_eq!(frame.structure.heights, [180, 360, 720]);
    let full = Encoder::new(Mode::Full).encode(true).swap_remove(0);
    let frame = Reader::default().read(&full.descriptor).unwrap();
    assert_eq!(frame.structure.within(4), 0b1_1011);
}

/// One sender with layers, one receiver, through real sessions.
struct Call {
    world: World,
    payload_type: u8,
    encoder: Encoder,
    sent: Vec<Packet>,
    answered: usize,
}

impl Call {
    fn new(payload_type: u8, mode: Mode) -> Call {
        let mut world = World::connected(2);
        let source = video(1, 1000, 1);
        world.clients[0].publish(&source);
        world.clients[1].expect(&source);
        world.set_sources(0, vec![source]);
        Call {
            world,
            payload_type,
            encoder: Encoder::new(mode),
            sent: Vec::new(),
            answered: 0,
        }
    }

    fn want(&mut self, spatial: u8) {
        let wanted = Wanted {
            spatial,
            ..wanted(1, 0, 7)
        };
        self.world.forward(1, vec![wanted]);
    }

    fn film(&mut self, pictures: usize) {
        for _ in 0..pictures {
            let asked = self.world.clients[0].keyframe_requests.len();
            let is_key = self.sent.is_empty() || asked > self.answered;
            self.answered = asked;
            for packet in self.encoder.encode(is_key) {
                let now = self.world.now;
                let media = layered(self.payload_type, &packet);
                self.world.clients[0].send(now, 1000, media);
                self.sent.push(packet);
            }
            self.world.run(33 * MS);
        }
    }

    /// The clear part of a packet's payload, and the rest, which may be encrypted.
    fn payload<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        // Every body begins with the timestamp of its frame, which has its highest bit set.
        let descriptor = match self.payload_type {
            AV1 => 1,
            _ if payload[0] & 0x02 != 0 => 18,
            _ => 5,
        };
        &payload[descriptor..]
    }
}

#[test]
fn layers_are_chosen_without_touching_what_is_behind_the_descriptor() {
    for payload_type in [VP9, AV1] {
        for mode in [Mode::Key, Mode::Full] {
            let mut call = Call::new(payload_type, mode);
            for spatial in [0, 2, 1, 7] {
                call.want(spatial);
                call.film(20);
            }
            call.world.forward(1, vec![]);
            call.film(10);
            call.want(1);
            call.film(20);

            let bodies: HashSet<&[u8]> = call
                .sent
                .iter()
                .map(|sent| match payload_type {
                    AV1 => call.payload(&sent.av1),
                    _ => call.payload(&sent.vp9),
                })
                .collect();
            let received = call.world.clients[1].received(1000);
            for (n, packet) in received.iter().enumerate() {
                let body = call.payload(&packet.payload);
                assert!(
                    bodies.contains(body),
                    "{payload_type} {mode:?}: {n} was changed"
                );
                assert_eq!(*packet.seq_no, *received[0].seq_no + n as u64);
            }
            let markers = received.iter().filter(|packet| packet.header.marker);
            let pictures: HashSet<u32> = received
                .iter()
                .map(|packet| packet.header.timestamp)
                .collect();
            assert_eq!(markers.count(), pictures.len(), "{payload_type} {mode:?}");
            assert!((85..=100).contains(&pictures.len()), "{}", pictures.len());
        }
    }
}

#[test]
fn the_layers_of_one_stream_are_told_with_their_heights_and_rates() {
    for payload_type in [VP9, AV1] {
        for mode in [Mode::Key, Mode::Full] {
            let mut call = Call::new(payload_type, mode);
            call.want(7);
            call.film(60);

            let told = call.world.events.iter().rev();
            let layers = told
                .filter_map(|event| match event {
                    Event::SourceLayers { layers, .. } => Some(layers),
                    _ => None,
                })
                .next()
                .unwrap();
            let shape: Vec<_> = layers
                .iter()
                .map(|layer| (layer.spatial, layer.temporal, layer.height))
                .collect();
            let expected: Vec<_> = [180, 360, 720]
                .into_iter()
                .enumerate()
                .flat_map(|(spatial, height)| (0..3).map(move |t| (spatial as u8, t, height)))
                .collect();
            assert_eq!(shape, expected);
            let rate = |at: usize| layers[at].bps as f64;
            assert!(rate(2) / rate(0) > 3.5, "{layers:?}");
            // The upper layers have two and three times the bytes of the lowest.
            let sum = if mode == Mode::Full { 5.3 } else { 2.7 };
            assert!((rate(8) / rate(2) - sum).abs() < 0.4, "{mode:?} {layers:?}");
            assert!((27.0..33.0).contains(&layers[8].fps), "{layers:?}");
            // 7.5, and one or two pictures more where a second begins and ends.
            assert!((6.0..9.5).contains(&layers[6].fps), "{layers:?}");
        }
    }
}

#[test]
fn a_descriptor_that_cannot_be_read_leads_to_a_keyframe() {
    let mut call = Call::new(AV1, Mode::Key);
    call.want(7);
    let skipped = call.encoder.encode(true);
    for packet in call.encoder.encode(false) {
        let now = call.world.now;
        call.world.clients[0].send(now, 1000, layered(AV1, &packet));
        call.sent.push(packet);
    }
    call.world.run(33 * MS);
    assert!(call.world.clients[1].received(1000).is_empty());
    assert_eq!(call.world.sfu.counters.dropped[&Drop::Undescribed], 6);

    call.film(20);

    assert!(skipped[0].is_key);
    assert!(call.world.clients[1].received(1000).len() >= 40);
}
