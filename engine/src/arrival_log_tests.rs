use std::collections::BTreeMap;

use super::*;
use crate::{feedback, rtcp};

const MS: Duration = Duration::from_millis(1);

fn written(log: &mut ArrivalLog, now: Instant) -> Vec<u8> {
    let mut out = Vec::new();
    log.write(now, &mut out, 1, 2);
    out
}

/// What is told: for each packet its first number, and when which of them came.
fn told(log: &mut ArrivalLog, now: Instant) -> Vec<Vec<(u16, Option<i64>)>> {
    let told = feedback::parse(&written(log, now)).into_iter().map(|each| {
        let time = |us| each.reference_us + us;
        let packets = each.packets.iter();
        packets.map(|&(seq, us)| (seq, us.map(time))).collect()
    });
    told.collect()
}

#[test]
fn a_feedback_is_laid_out_as_in_the_draft() {
    let start = Instant::now();
    let mut log = ArrivalLog::new();
    for (at, seq) in [(0, 65_534), (130, 65_535), (131, 1), (130, 2)] {
        log.note(start + at * MS, seq);
    }

    let out = written(&mut log, start);
    assert_eq!(out[..12], [0x8f, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2]);
    assert_eq!(out[12..20], [0xff, 0xfe, 0, 5, 0, 0, 0, 0], "from, count");
    // Small, large, missing, small, large.
    assert_eq!(out[20..22], [0b1101_1000, 0b0110_0000]);
    assert_eq!(out[22..], [0, 2, 8, 4, 0xff, 0xfc], "in 250 µs");
    log.note(start + 200 * MS, 3);
    let next = written(&mut log, start);
    assert_eq!(next[12..20], [0, 3, 0, 1, 0, 0, 3, 1]);
    assert_eq!(next[20..], [0x20, 1, 32, 1], "one, 8 ms after 192, padding");
    assert_eq!(next[0], 0xaf);
}

#[test]
fn equal_symbols_take_one_chunk() {
    for (symbols, expected) in [
        (vec![1; 20], (1 << 13 | 20, 20)),
        (vec![0; 9_000], (8_191, 8_191)),
        (vec![2; 7], (2 << 13 | 7, 7)),
        (vec![1; 2], (1 << 13 | 2, 2)),
        (vec![1, 0, 1], (0b10_1010 << 10, 3)),
        (
            [vec![1; 13], vec![0; 9]].concat(),
            (0b10 << 14 | 0x3ffe, 14),
        ),
        (vec![1, 2], (0b11_0110 << 10, 2)),
        ([vec![0; 8], vec![2]].concat(), (8, 8)),
    ] {
        assert_eq!(chunk(&symbols), expected, "{symbols:?}");
    }
}

#[test]
fn feedback_is_due_sooner_the_more_there_is_to_tell() {
    let start = Instant::now();
    let mut log = ArrivalLog::new();
    assert_eq!(log.next_due(), None);
    let mut dues = Vec::new();
    for seq in 0..100 {
        log.note(start, seq);
        let due = log.next_due().unwrap();
        assert!(log.is_due(due) && (due == start || !log.is_due(due - MS)));
        dues.push((due - start).as_millis());
    }
    assert_eq!(dues, [vec![100; 9], vec![50; 90], vec![0]].concat());

    written(&mut log, start + 30 * MS);
    assert_eq!(log.next_due(), None);
    assert!(written(&mut log, start + 40 * MS).is_empty());
    log.note(start + 50 * MS, 100);
    assert_eq!(log.next_due(), Some(start + 140 * MS));
}

#[test]
fn a_late_packet_is_told_again_and_a_duplicate_is_not() {
    let start = Instant::now();
    let mut log = ArrivalLog::new();
    for seq in [10, 12, 13, 10] {
        log.note(start, seq);
    }
    assert_eq!(told(&mut log, start).concat().len(), 4);
    for seq in [11, 12, 13, 15, 11, 9] {
        log.note(start + 5 * MS, seq);
    }

    let at = Some(5_000);
    assert_eq!(
        told(&mut log, start),
        [vec![(9, at)], vec![(11, at)], vec![(14, None), (15, at)]]
    );
    log.note(start, 11);
    assert_eq!(log.next_due(), None);
}

#[test]
fn nobody_who_asks_is_no_reason_to_keep_everything() {
    let start = Instant::now();
    let mut log = ArrivalLog::new();
    for seq in 0..60_000_u16 {
        log.note(start + MS * seq.into(), seq);
    }
    assert_eq!(log.waiting.len(), MOST_WAITING);
    let out = written(&mut log, start);
    assert!(rtcp::packets(&out).any(|packet| packet.len() > 800));
    assert!(rtcp::packets(&out).all(|packet| packet.len() <= MOST_BYTES));
}

/// Losses, changed places, silences beyond what a delta can say and jumps of the numbers.
#[test]
fn what_is_told_is_what_has_come() {
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut packets, mut longest, mut late_ones) = (0, 0, 0);
    for _ in 0..60 {
        let start = Instant::now();
        let mut log = ArrivalLog::new();
        let (loss, reordered) = (rng.f64() * 0.6, rng.f64() * 0.2);
        let pace = 10_u64.pow(rng.u32(1..6));
        let (mut us, mut first_us, mut seq) = (0, None, rng.u64(65_536..131_072));
        let mut came = BTreeMap::new();
        let mut read: BTreeMap<u64, Option<i64>> = BTreeMap::new();
        let (mut late, mut has_come) = (Vec::new(), false);
        let mut number = 0_u8;
        for n in 0..1_000 {
            us += rng.u64(..pace);
            let mut coming = Vec::new();
            let jumps = rng.u16(..2_000);
            // What is missing next to a jump is not told.
            has_come &= jumps != 1;
            if jumps < 2 || rng.u8(..8) == 0 || n > 950 {
                coming.append(&mut late);
            }
            match jumps {
                0 => us += rng.u64(..100_000_000),
                1 => seq += rng.u64(..20_000),
                _ => {}
            }
            seq += 1;
            if n == 0 || rng.f64() > loss {
                let is_late = has_come && n < 950 && rng.f64() < reordered;
                if is_late { &mut late } else { &mut coming }.push(seq);
            }
            let newest = seq;
            for seq in coming {
                has_come |= seq == newest;
                log.note(start + Duration::from_micros(us), seq as u16);
                came.insert(seq, (us - *first_us.get_or_insert(us)) as i64);
                us += rng.u64(..pace);
            }
            let now = start + Duration::from_micros(us);
            if !log.is_due(now) && n < 950 {
                continue;
            }
            let out = written(&mut log, now);
            assert_eq!(out.len(), rtcp::packets(&out).map(<[u8]>::len).sum());
            for packet in rtcp::packets(&out) {
                assert_eq!(packet[19], number);
                number = number.wrapping_add(1);
                packets += 1;
                longest = longest.max(packet.len());
                let [told] = &feedback::parse(packet)[..] else {
                    panic!("one feedback");
                };
                for &(number, at) in &told.packets {
                    let back = (seq as u16).wrapping_sub(number);
                    let at = at.map(|at| at + told.reference_us);
                    let before = read.insert(seq - u64::from(back), at);
                    assert!(before.is_none_or(|before| before.is_none() && at.is_some()));
                    late_ones += u32::from(before.is_some());
                }
            }
        }
        for ((&one, _), (&two, _)) in came.iter().zip(came.iter().skip(1)) {
            let is_told = two - one > MOST_GAP || read.range(one..two).count() as u64 == two - one;
            assert!(is_told, "what is missing from {one} to {two}");
        }
        let read: Vec<_> = read
            .iter()
            .filter_map(|(seq, at)| Some((seq, (*at)?)))
            .collect();
        assert_eq!(read.len(), came.len());
        for ((read, at), (seq, us)) in read.into_iter().zip(&came) {
            assert_eq!(read, seq);
            assert!((at - us).abs() <= 125, "{at} for {us}");
        }
    }
    assert!(
        packets > 3_000 && longest > 150 && late_ones > 500,
        "{packets} {longest} {late_ones}"
    );
}

#[test]
fn any_numbers_at_any_times_do_no_harm() {
    let mut rng = fastrand::Rng::with_seed(9);
    let start = Instant::now();
    for _ in 0..50 {
        let mut log = ArrivalLog::new();
        for _ in 0..2_000 {
            let now = start + MS * rng.u32(..) * rng.u32(..2);
            log.note(now, rng.u16(..));
            if rng.u8(..9) == 0 {
                let out = written(&mut log, now);
                assert!(rtcp::packets(&out).all(|packet| packet.len() <= MOST_BYTES));
                assert_eq!(rtcp::parse(&out).is_empty(), out.is_empty());
            }
        }
    }
}
