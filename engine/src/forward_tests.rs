//! Rules of one projection, on made-up packets.

use super::*;
use crate::vp8::Vp8;

/// All spatial and some temporal layers.
fn temporal(temporal: u8) -> Highest {
    Highest {
        spatial: 7,
        temporal,
    }
}

const FRAME: Duration = Duration::from_micros(33_333);

/// A sender of simulcast VP8, one packet per frame, temporal layers 0 2 1 2.
struct Camera {
    start: Instant,
    frame: u64,
    pictures: [u16; 3],
    tl0: [u8; 3],
}

impl Camera {
    fn new() -> Camera {
        Camera {
            start: Instant::now(),
            frame: 0,
            pictures: [100, 32_700, 900],
            tl0: [5, 250, 77],
        }
    }

    fn now(&self) -> Instant {
        self.start + FRAME * self.frame as u32
    }

    fn packet(&mut self, encoding: usize, is_key: bool) -> Incoming {
        let layer = if is_key {
            0
        } else {
            [0, 2, 1, 2][self.frame as usize % 4]
        };
        self.pictures[encoding] = (self.pictures[encoding] + 1) & 0x7fff;
        if layer == 0 {
            self.tl0[encoding] = self.tl0[encoding].wrapping_add(1);
        }
        Incoming {
            encoding,
            seq: 1000 * (encoding as u64 + 1) + self.frame,
            timestamp: 500_000 * encoding as u32 + self.frame as u32 * 3000,
            marker: true,
            shape: Shape::Vp8(Vp8 {
                starts_frame: true,
                starts_keyframe: is_key,
                picture_id: Some((self.pictures[encoding], true)),
                tl0_pic_idx: Some(self.tl0[encoding]),
                temporal: layer,
                layer_sync: layer > 0 && self.frame % 8 < 4,
                height: None,
            }),
            captured: self.now(),
            clock_rate: 90_000,
        }
    }
}

fn contiguous(passed: &[Numbers]) {
    for pair in passed.windows(2) {
        let [before, after] = pair else {
            unreachable!()
        };
        assert_eq!(after.seq, before.seq + 1, "{pair:?}");
        assert_eq!(
            after.frame.picture_id,
            before.frame.picture_id.map(|id| (id + 1) & 0x7fff),
            "{pair:?}"
        );
        let tl0 = after
            .frame
            .tl0_pic_idx
            .unwrap()
            .wrapping_sub(before.frame.tl0_pic_idx.unwrap());
        assert!(tl0 <= 1, "{pair:?}");
        let ticks = after.timestamp.wrapping_sub(before.timestamp);
        assert!((1..20_000).contains(&ticks), "{pair:?}");
    }
}

#[test]
fn switching_up_and_down_is_seamless() {
    let mut camera = Camera::new();
    let mut projection = Projection::new(77);
    let mut passed = Vec::new();
    let mut asked = 0;
    let mut key_due = true;
    projection.aim(0, temporal(7));
    for frame in 0..300 {
        camera.frame = frame;
        match frame {
            100 => assert!(projection.aim(2, temporal(7))),
            200 => assert!(projection.aim(0, temporal(7))),
            _ => {}
        }
        for encoding in 0..3 {
            let packet = camera.packet(encoding, key_due);
            let verdict = projection.accept(camera.now(), &packet);
            asked += u32::from(verdict.needs_keyframe);
            passed.extend(verdict.forward);
        }
        // The sender answers a request a few frames later.
        key_due = matches!(frame, 105 | 205);
    }

    contiguous(&passed);
    assert!(passed.len() >= 298, "{}", passed.len());
    assert_eq!(asked, 2);
}

#[test]
fn a_late_joiner_starts_with_what_comes_first_and_climbs() {
    let mut camera = Camera::new();
    let mut projection = Projection::new(1);
    projection.aim(2, temporal(7));
    let passed: Vec<usize> = (0..3)
        .filter(|&encoding| {
            let packet = camera.packet(encoding, true);
            projection.accept(camera.now(), &packet).forward.is_some()
        })
        .collect();

    assert_eq!(passed, [0, 1, 2]);
}

#[test]
fn an_encoding_above_the_wanted_one_never_passes() {
    let mut camera = Camera::new();
    let mut projection = Projection::new(1);
    projection.aim(1, temporal(7));
    let packet = camera.packet(2, true);

    assert_eq!(projection.accept(camera.now(), &packet), Verdict::default());
}

#[test]
fn temporal_layers_are_dropped_without_a_gap_and_come_back_at_a_sync_point() {
    let mut camera = Camera::new();
    let mut projection = Projection::new(1);
    let mut passed = Vec::new();
    let mut layers = Vec::new();
    projection.aim(0, temporal(7));
    for frame in 0..120 {
        camera.frame = frame;
        if frame == 40 {
            projection.aim(0, temporal(0));
        } else if frame == 81 {
            projection.aim(0, temporal(7));
        }
        let packet = camera.packet(0, frame == 0);
        if let Some(numbers) = projection.accept(camera.now(), &packet).forward {
            let Shape::Vp8(vp8) = packet.shape else {
                unreachable!()
            };
            layers.push((frame, vp8.temporal, vp8.layer_sync));
            passed.push(numbers);
        }
    }

    contiguous(&passed);
    assert!(
        layers
            .iter()
            .filter(|(frame, ..)| (40..81).contains(frame))
            .all(|each| each.1 == 0)
    );
    let first_upper = layers
        .iter()
        .find(|(frame, layer, _)| *frame > 81 && *layer > 0)
        .unwrap();
    assert!(first_upper.2, "{first_upper:?} is no sync point");
    assert_eq!(
        layers.iter().filter(|(frame, ..)| *frame >= 100).count(),
        20
    );
}

#[test]
fn a_lost_packet_leaves_a_gap_of_one_and_fits_when_it_is_repaired() {
    let mut camera = Camera::new();
    let mut projection = Projection::new(10);
    projection.aim(0, temporal(0));
    let mut passed = Vec::new();
    let mut lost = None;
    for frame in 0..12 {
        camera.frame = frame;
        let packet = camera.packet(0, frame == 0);
        if frame == 4 {
            lost = Some(packet);
            continue;
        }
        passed.extend(projection.accept(camera.now(), &packet).forward);
    }
    let seqs: Vec<u64> = passed.iter().map(|numbers| numbers.seq).collect();
    assert_eq!(seqs, [10, 12]);

    let repaired = projection
        .accept(camera.now(), &lost.unwrap())
        .forward
        .unwrap();

    assert_eq!(repaired.seq, 11);
    assert_eq!(
        repaired.frame.picture_id.unwrap() + 1,
        passed[1].frame.picture_id.unwrap()
    );
}

#[test]
fn all_packets_of_a_frame_share_its_fate_and_its_picture() {
    let mut camera = Camera::new();
    let mut projection = Projection::new(10);
    projection.aim(0, temporal(7));
    let mut first = camera.packet(0, true);
    first.marker = false;
    let mut rest = first.clone();
    rest.seq += 1;
    rest.marker = true;
    if let Shape::Vp8(vp8) = &mut rest.shape {
        (vp8.starts_frame, vp8.starts_keyframe) = (false, false);
    }

    let first = projection.accept(camera.now(), &first).forward.unwrap();
    let rest = projection.accept(camera.now(), &rest).forward.unwrap();

    assert_eq!(
        (rest.seq, rest.frame.picture_id),
        (first.seq + 1, first.frame.picture_id)
    );
}

#[test]
fn a_frame_cut_off_by_a_switch_stays_incomplete() {
    let mut camera = Camera::new();
    let mut projection = Projection::new(10);
    projection.aim(1, temporal(7));
    let mut cut_off = camera.packet(0, true);
    cut_off.marker = false;
    projection.accept(camera.now(), &cut_off);
    let next = camera.packet(1, true);

    assert_eq!(
        projection.accept(camera.now(), &next).forward.unwrap().seq,
        12
    );
}

#[test]
fn a_late_packet_of_the_encoding_that_was_left_is_dropped() {
    let mut camera = Camera::new();
    let mut projection = Projection::new(10);
    projection.aim(1, temporal(7));
    let first = camera.packet(0, true);
    projection.accept(camera.now(), &first);
    let mut late = first.clone();
    late.seq += 1;
    let next = camera.packet(1, true);
    projection.accept(camera.now(), &next);

    assert_eq!(
        projection.accept(camera.now(), &late),
        Verdict::default(),
        "it neither passes nor asks for a key frame"
    );
}

#[test]
fn a_suspended_source_goes_on_where_it_stopped() {
    let mut camera = Camera::new();
    let mut projection = Projection::new(10);
    projection.aim(0, temporal(7));
    let packet = camera.packet(0, true);
    let before = projection.accept(camera.now(), &packet).forward.unwrap();
    projection.suspend();
    camera.frame = 90;
    let packet = camera.packet(0, false);
    assert_eq!(projection.accept(camera.now(), &packet), Verdict::default());

    assert!(projection.aim(0, temporal(7)));
    camera.frame = 91;
    let packet = camera.packet(0, false);
    assert!(projection.accept(camera.now(), &packet).needs_keyframe);
    camera.frame = 92;
    let packet = camera.packet(0, true);
    let after = projection.accept(camera.now(), &packet).forward.unwrap();

    assert_eq!(after.seq, before.seq + 1);
    assert_eq!(
        after.frame.picture_id.unwrap(),
        before.frame.picture_id.unwrap() + 1
    );
    let ticks = after.timestamp - before.timestamp;
    assert!(
        ticks.abs_diff(92 * 3000) < 10,
        "three seconds are {ticks} ticks"
    );
}

#[test]
fn an_encoding_that_fell_silent_is_replaced_by_a_lower_one() {
    let mut camera = Camera::new();
    let mut projection = Projection::new(10);
    projection.aim(2, temporal(7));
    let packet = camera.packet(2, true);
    projection.accept(camera.now(), &packet);
    camera.frame = 15;
    let packet = camera.packet(0, false);
    assert!(!projection.accept(camera.now(), &packet).needs_keyframe);
    camera.frame = 45;
    let packet = camera.packet(0, false);
    assert!(projection.accept(camera.now(), &packet).needs_keyframe);
    camera.frame = 47;
    let packet = camera.packet(0, true);

    assert!(projection.accept(camera.now(), &packet).forward.is_some());
}

/// Packets of audio with these numbers: under which they are passed on.
fn spoken(projection: &mut Projection, numbers: impl IntoIterator<Item = u64>) -> Vec<Option<u64>> {
    let now = Instant::now();
    let packet = |seq| Incoming {
        encoding: 0,
        seq,
        timestamp: (seq as u32).wrapping_mul(960),
        marker: false,
        shape: Shape::Audio,
        captured: now,
        clock_rate: 48_000,
    };
    let accept = |seq| projection.accept(now, &packet(seq)).forward;
    let numbers = numbers.into_iter().map(accept);
    numbers.map(|each| each.map(|each| each.seq)).collect()
}

fn heard() -> Projection {
    let mut projection = Projection::new(1);
    projection.aim(0, ALL_LAYERS);
    projection
}

#[test]
fn a_jump_becomes_a_gap_of_one_and_nothing_is_said_twice() {
    let mut projection = heard();
    let numbers = [100, 101, 30_000, 30_001, 102, 29_999, 30_003, 30_002];

    let passed = spoken(&mut projection, numbers);

    let passed: Vec<u64> = passed.into_iter().map(Option::unwrap_or_default).collect();
    assert_eq!(passed, [1, 2, 4, 5, 0, 0, 7, 6]);
}

#[test]
fn losses_keep_their_gaps_and_are_filled_late() {
    let mut projection = heard();
    let passed = spoken(&mut projection, [100, 1_125, 100 + 512]);
    assert_eq!(passed, [Some(1), Some(1_026), Some(513)], "one long gap");

    let mut projection = heard();
    let mut rng = fastrand::Rng::with_seed(4);
    let numbers: Vec<u64> = (100..20_000)
        .filter(|n| *n == 100 || rng.u8(..100) >= 45)
        .collect();
    let passed = spoken(&mut projection, numbers.clone());
    let expected: Vec<_> = numbers.iter().map(|n| Some(n - 99)).collect();
    assert_eq!(passed, expected, "45 % of loss");
}

#[test]
fn however_a_sender_jumps_the_numbers_stay_near_for_receivers_that_miss_some() {
    let mut rng = fastrand::Rng::with_seed(5);
    for most in [2, 10, 500, 1_025, 32_000] {
        let mut projection = heard();
        let mut at = 100;
        let numbers = (0..10_000).map(|_| {
            at += rng.u64(1..=most);
            at
        });
        let passed: Vec<u64> = spoken(&mut projection, numbers)
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(passed.len(), 10_000);
        assert!(passed.windows(2).all(|two| two[1] > two[0]));
        for missed in [1, 100, 5_000] {
            let furthest = passed.windows(missed + 1).map(|run| run[missed] - run[0]);
            let furthest = furthest.max().unwrap();
            assert!(
                furthest <= 2 * missed as u64 + MOST_MISSING + 1,
                "{furthest} after {missed} of {most}"
            );
        }
    }
}

#[test]
fn audio_passes_at_once() {
    let camera = Camera::new();
    let mut projection = Projection::new(10);
    projection.aim(0, temporal(0));
    let packet = |seq: u64| Incoming {
        encoding: 0,
        seq,
        timestamp: (seq as u32).wrapping_mul(960),
        marker: false,
        shape: Shape::Audio,
        captured: camera.now(),
        clock_rate: 48_000,
    };
    let mut passed = Vec::new();
    for seq in 500..520 {
        passed.extend(projection.accept(camera.now(), &packet(seq)).forward);
    }

    assert_eq!(passed.len(), 20);
    assert!(passed.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
    assert_eq!(passed[19].timestamp, 519 * 960);
}
