use std::slice;

use super::*;

fn block(ssrc: u32) -> ReportBlock {
    ReportBlock {
        ssrc,
        fraction_lost: 25,
        lost: -3,
        highest: 0x0001_0203,
        jitter: 90,
        last_report: 0x1234_5678,
        delay: 65_536,
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn reports_are_laid_out_as_in_the_rfc() {
    let report = written(|out| write_receiver_report(out, 7, &[block(9)]));

    assert_eq!(
        report,
        [
            0x81, 201, 0, 7, 0, 0, 0, 7, 0, 0, 0, 9, 25, 0xff, 0xff, 0xfd, 0, 1, 2, 3, 0, 0, 0, 90,
            0x12, 0x34, 0x56, 0x78, 0, 1, 0, 0
        ]
    );
}

#[test]
fn a_compound_datagram_reads_as_it_was_written() {
    let blocks: Vec<_> = (0..70).map(block).collect();
    let datagram = written(|out| {
        write_sender_report(out, 1, 2 << 40 | 5, 3, 4, 5, &blocks);
        write_name(out, 1, "somebody");
        write_nack(out, 1, 8, &[65_535, 0, 15, 16, 40]);
        write_pli(out, 1, 9);
        write_receiver_report(out, 6, &[]);
    });

    let (blocks, ssrc) = (|range: std::ops::Range<usize>| blocks[range].to_vec(), 1);
    assert_eq!(
        parse(&datagram),
        [
            Message::SenderReport {
                ssrc,
                ntp: 2 << 40 | 5,
                rtp_time: 3,
                packets: 4,
                bytes: 5,
                blocks: blocks(0..31),
            },
            Message::ReceiverReport {
                ssrc,
                blocks: blocks(31..62),
            },
            Message::ReceiverReport {
                ssrc,
                blocks: blocks(62..70),
            },
            Message::Nack {
                media: 8,
                lost: vec![65_535, 0, 15, 16, 40],
            },
            Message::KeyframeRequest { media: 9 },
            Message::ReceiverReport {
                ssrc: 6,
                blocks: vec![],
            },
        ]
    );
}

#[test]
fn cumulative_loss_stays_within_its_24_bits() {
    for (lost, read) in [
        (i32::MAX, 0x7f_ffff),
        (i32::MIN, -0x80_0000),
        (-1, -1),
        (5, 5),
    ] {
        let report = written(|out| {
            let block = ReportBlock { lost, ..block(1) };
            write_receiver_report(out, 7, &[block]);
        });
        let Message::ReceiverReport { blocks, .. } = &parse(&report)[0] else {
            panic!("a receiver report");
        };
        assert_eq!(blocks[0].lost, read);
        assert_eq!(blocks[0].fraction_lost, 25);
    }
}

#[test]
fn an_entry_of_a_nack_tells_of_seventeen_numbers() {
    let lost: Vec<u16> = (0..17).map(|n| 65_530_u16.wrapping_add(n)).collect();
    let packet = written(|out| write_nack(out, 1, 2, &lost));

    assert_eq!(packet[..4], [0x81, 205, 0, 3]);
    assert_eq!(packet[12..], [0xff, 0xfa, 0xff, 0xff]);
    assert_eq!(parse(&packet), [Message::Nack { media: 2, lost }]);
    assert_eq!(written(|out| write_nack(out, 1, 2, &[])), []);
    let twice = written(|out| write_nack(out, 1, 2, &[4, 4]));
    assert_eq!(twice[12..], [0, 4, 0, 0]);
}

#[test]
fn many_numbers_take_several_nacks_and_are_read_up_to_a_bound() {
    let lost: Vec<u16> = (0..3_000).map(|n| n * 20).collect();
    let datagram = written(|out| write_nack(out, 1, 2, &lost));

    assert!(packets(&datagram).all(|packet| packet.len() <= 1012));
    let mut read = Vec::new();
    for message in parse(&datagram) {
        let Message::Nack { media: 2, lost } = message else {
            panic!("{message:?}");
        };
        read.extend(lost);
    }
    assert_eq!(read, lost[..MOST_LOST]);
}

#[test]
fn each_entry_of_a_full_intra_request_asks_for_a_keyframe() {
    // The media SSRC of the header is unused, RFC 5104 §4.3.1.2.
    let mut packet = vec![0x84, 206, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0];
    packet.extend([0, 0, 0, 21, 3, 0, 0, 0, 0, 0, 0, 22, 4, 0, 0, 0]);

    assert_eq!(
        parse(&packet),
        [21, 22].map(|media| Message::KeyframeRequest { media })
    );
}

#[test]
fn an_estimate_has_a_mantissa_and_an_exponent() {
    // 2,000,000 = 125,000 << 4 in libwebrtc's way of writing.
    let mantissa = 125_000_u32.to_be_bytes();
    let mut packet = vec![0x8f, 206, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0];
    packet.extend(*b"REMB");
    packet.extend([2, 4 << 2 | mantissa[1], mantissa[2], mantissa[3]]);
    packet.extend([0, 0, 0, 5, 0, 0, 0, 6]);

    let (bps, ssrcs) = (2_000_000, vec![5, 6]);
    assert_eq!(parse(&packet), [Message::Remb { bps, ssrcs }]);

    packet[17] |= 63 << 2;
    let Message::Remb { bps, .. } = parse(&packet)[0] else {
        panic!("an estimate");
    };
    assert_eq!(bps, u64::MAX);
    packet[16] = 3;
    assert_eq!(parse(&packet), [], "a stream that is not there");
}

#[test]
fn padding_is_no_entry() {
    let mut packet = written(|out| write_nack(out, 1, 2, &[7]));
    packet.extend([0, 0, 0, 4]);
    packet[0] |= 0x20;
    packet[3] += 1;
    let lost = vec![7];
    assert_eq!(parse(&packet), [Message::Nack { media: 2, lost }]);

    for nonsense in [0, 3, 20, 255] {
        *packet.last_mut().unwrap() = nonsense;
        assert_eq!(parse(&packet), [], "padding of {nonsense}");
    }
}

#[test]
fn goodbyes_have_their_sources_and_may_have_a_reason() {
    let packet = [0x82, 203, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 3, b'e', b'n', b'd'];

    assert_eq!(parse(&packet), [Message::Bye { ssrcs: vec![1, 2] }]);
}

#[test]
fn names_end_with_a_zero_on_a_word() {
    for (cname, bytes) in [("", 12), ("a", 12), ("ab", 16), ("abcdef", 20)] {
        let packet = written(|out| write_name(out, 1, cname));
        assert_eq!(packet.len(), bytes, "{cname}");
        assert_eq!(packets(&packet).count(), 1);
        assert_eq!(packet[9], cname.len() as u8);
        assert_eq!(packet.last(), Some(&0));
    }
    let long = written(|out| write_name(out, 1, &"é".repeat(200)));
    assert_eq!((long[9], long.len()), (254, 268));
}

#[test]
fn reading_stops_where_a_length_is_wrong() {
    let mut datagram = written(|out| {
        write_pli(out, 1, 2);
        write_pli(out, 1, 3);
    });
    let first = Message::KeyframeRequest { media: 2 };
    for end in 12..24 {
        assert_eq!(
            parse(&datagram[..end]),
            slice::from_ref(&first),
            "cut at {end}"
        );
    }
    datagram[12] = 0;
    assert_eq!(parse(&datagram), [first], "another version");
}

#[test]
fn short_feedback_cannot_fill_the_memory() {
    // A feedback of 24 bytes tells of 4,096 packets, none of which arrived.
    let one = [
        0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0x10, 0, 0, 0, 0, 1, 0x1f, 0xff, 0, 0,
    ];

    assert_eq!(parse(&one.repeat(60)).len(), 1);
}

#[test]
fn times_survive_the_way_through_ntp() {
    let epoch = SystemTime::UNIX_EPOCH;
    assert_eq!(ntp(epoch), 2_208_988_800 << 32);
    assert_eq!(
        ntp(epoch + Duration::from_millis(500)),
        (2_208_988_800 << 32) + (1 << 31)
    );
    // The upper half wraps on 7 February 2036, RFC 4330 §3.
    let wrap = epoch + Duration::from_secs(2_085_978_496);
    assert_eq!(ntp(wrap), 0);
    assert_eq!(system_time(0), wrap);
    let mut rng = fastrand::Rng::with_seed(5);
    for _ in 0..10_000 {
        let at = epoch + Duration::new(rng.u64(..4_000_000_000), rng.u32(..1_000_000_000));
        assert_eq!(system_time(ntp(at)), at);
        system_time(rng.u64(..));
    }
    let before = epoch - Duration::from_secs(3600);
    assert_eq!(system_time(ntp(before)), before);
    system_time(u64::MAX);
}

#[test]
fn no_bytes_do_harm() {
    let mut rng = fastrand::Rng::with_seed(4);
    let mut understood = 0;
    for _ in 0..50_000 {
        let mut bytes: Vec<u8> = (0..rng.usize(..120)).map(|_| rng.u8(..)).collect();
        if let [first, kind, high, low, ..] = &mut bytes[..] {
            *first = 0x80 | *first & if rng.bool() { 0x1f } else { 0x3f };
            *kind = rng.u8(199..208);
            (*high, *low) = (0, rng.u8(..30));
        }
        understood += parse(&bytes).len();
    }
    assert!(understood > 1_000, "{understood}");
}
