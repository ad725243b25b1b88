//! Sealing against opening.

use super::*;

pub(super) const PROFILES: [Profile; 3] = [
    Profile::Aes128CmSha1_80,
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
];
pub(super) const SSRC: u32 = 0x1234_5678;
pub(super) const HEADER: usize = 12;

pub(super) fn keys(profile: Profile) -> Keys {
    let length = match profile {
        Profile::Aes128CmSha1_80 => 60,
        Profile::AeadAes128Gcm => 56,
        Profile::AeadAes256Gcm => 88,
    };
    Keys {
        profile,
        material: (0..length).map(|byte: u8| byte.wrapping_mul(3)).collect(),
    }
}

fn pair(profile: Profile) -> (Sealing, Opening) {
    let keys = keys(profile);
    let sealing = Sealing::new(&keys, true).unwrap();
    (sealing, Opening::new(&keys, false).unwrap())
}

fn rtp(ssrc: u32, seq: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 111];
    packet.extend(seq.to_be_bytes());
    packet.extend([0, 0, 1, 0]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(b"some payload that is no multiple of sixteen");
    packet
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 201, 0, 7];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x5A; 24]);
    packet
}

fn sealed(sealing: &mut Sealing, ssrc: u32, index: u64) -> Vec<u8> {
    let mut buffer = rtp(ssrc, index as u16);
    sealing.seal_rtp(&mut buffer, 0, HEADER, index);
    buffer
}

fn opened(opening: &mut Opening, datagram: &[u8]) -> Result<u64, Refusal> {
    opening.open_rtp(datagram, HEADER, &mut Vec::new())
}

#[test]
fn what_is_sealed_opens_and_is_no_longer_than_said() {
    for profile in PROFILES {
        let (mut sealing, mut opening) = pair(profile);
        let mut plain = vec![9; 2000];
        for seq in [7_u16, 8] {
            let packet = rtp(SSRC, seq);
            let mut buffer = vec![1, 2, 3];
            buffer.extend(&packet);
            sealing.seal_rtp(&mut buffer, 3, HEADER, seq.into());
            assert_eq!(buffer[..3], [1, 2, 3]);
            assert_eq!(buffer[3..][..HEADER], packet[..HEADER]);
            assert_ne!(buffer[3..][HEADER..packet.len()], packet[HEADER..]);
            assert!(buffer.len() - 3 <= packet.len() + MOST_OVERHEAD);
            let index = opening.open_rtp(&buffer[3..], HEADER, &mut plain);
            assert_eq!(index, Ok(seq.into()));
            assert_eq!(plain, packet);

            let packet = rtcp(SSRC);
            let mut buffer = vec![4];
            buffer.extend(&packet);
            sealing.seal_rtcp(&mut buffer, 1);
            assert_ne!(buffer[9..=packet.len()], packet[8..]);
            assert!(buffer.len() - 1 <= packet.len() + MOST_OVERHEAD);
            assert_eq!(opening.open_rtcp(&buffer[1..], &mut plain), Ok(()));
            assert_eq!(plain, packet);
        }
    }
}

#[test]
fn material_too_short_makes_no_session() {
    for profile in PROFILES {
        let mut keys = keys(profile);
        keys.material.pop();
        for is_client in [false, true] {
            assert!(Sealing::new(&keys, is_client).is_none());
            assert!(Opening::new(&keys, is_client).is_none());
        }
    }
}

#[test]
fn what_cannot_be_sealed_is_cut_off() {
    for profile in PROFILES {
        let (mut sealing, _) = pair(profile);
        for (length, header) in [(11, 11), (12, 13), (30, 4), (0, 12)] {
            let mut buffer = vec![3; 2 + length];
            sealing.seal_rtp(&mut buffer, 2, header, 1);
            assert_eq!(buffer, [3, 3]);
        }
        let mut buffer = vec![3; 2 + 7];
        sealing.seal_rtcp(&mut buffer, 2);
        assert_eq!(buffer, [3, 3]);
        sealing.index = INDICES_OF_RTCP;
        let mut buffer = rtcp(SSRC);
        sealing.seal_rtcp(&mut buffer, 0);
        assert_eq!(buffer, []);
    }
}

#[test]
fn a_packet_opens_once_within_the_window_and_never_behind_it() {
    for profile in PROFILES {
        let (mut sealing, mut opening) = pair(profile);
        let packets: Vec<_> = (0..200)
            .map(|index| sealed(&mut sealing, SSRC, index))
            .collect();
        assert_eq!(opened(&mut opening, &packets[199]), Ok(199));
        assert_eq!(opened(&mut opening, &packets[72]), Ok(72));
        assert_eq!(opened(&mut opening, &packets[71]), Err(Refusal::Replayed));
        for index in (73..199).rev() {
            assert_eq!(opened(&mut opening, &packets[index]), Ok(index as u64));
        }
        for packet in &packets {
            assert_eq!(opened(&mut opening, packet), Err(Refusal::Replayed));
        }
        // A jump over the whole window leaves nothing of it behind.
        let far = sealed(&mut sealing, SSRC, 1000);
        assert_eq!(opened(&mut opening, &far), Ok(1000));
        let before = sealed(&mut sealing, SSRC, 999);
        assert_eq!(opened(&mut opening, &before), Ok(999));
    }
}

#[test]
fn each_rtcp_packet_opens_once() {
    for profile in PROFILES {
        let (mut sealing, mut opening) = pair(profile);
        let packets: Vec<_> = (0..6)
            .map(|count| {
                let mut buffer = rtcp(SSRC + count % 2);
                sealing.seal_rtcp(&mut buffer, 0);
                buffer
            })
            .collect();
        let mut plain = Vec::new();
        for at in [5, 0, 1, 4, 3, 2] {
            assert_eq!(opening.open_rtcp(&packets[at], &mut plain), Ok(()));
        }
        for packet in &packets {
            let result = opening.open_rtcp(packet, &mut plain);
            assert_eq!(result, Err(Refusal::Replayed));
            assert!(plain.is_empty());
        }
    }
}

#[test]
fn order_is_found_across_the_end_of_the_sequence_numbers() {
    for profile in PROFILES {
        let (mut sealing, mut opening) = pair(profile);
        for index in [
            65_534, 65_536, 65_535, 65_540, 65_530, 98_000, 130_000, 131_073, 131_071,
        ] {
            let packet = sealed(&mut sealing, SSRC, index);
            assert_eq!(opened(&mut opening, &packet), Ok(index));
            assert_eq!(opened(&mut opening, &packet), Err(Refusal::Replayed));
        }
    }
}

#[test]
fn nothing_is_before_the_first_round() {
    let (mut sealing, mut opening) = pair(Profile::AeadAes256Gcm);
    for index in [5, 40_000] {
        let packet = sealed(&mut sealing, SSRC, index);
        assert_eq!(opened(&mut opening, &packet), Ok(index));
    }
}

#[test]
fn every_flipped_bit_is_noticed_and_changes_nothing() {
    for profile in PROFILES {
        let (mut sealing, mut opening) = pair(profile);
        let packet = sealed(&mut sealing, SSRC, 1);
        let mut report = rtcp(SSRC);
        sealing.seal_rtcp(&mut report, 0);
        let mut plain = Vec::new();
        for bit in 0..packet.len() * 8 {
            let mut damaged = packet.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let result = opening.open_rtp(&damaged, HEADER, &mut plain);
            assert_eq!(result, Err(Refusal::NotAuthentic), "{profile:?} bit {bit}");
            assert!(plain.is_empty());
        }
        for bit in 0..report.len() * 8 {
            let mut damaged = report.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let result = opening.open_rtcp(&damaged, &mut plain);
            assert_eq!(result, Err(Refusal::NotAuthentic), "{profile:?} bit {bit}");
            assert!(plain.is_empty());
        }
        assert_eq!(opened(&mut opening, &packet), Ok(1));
        assert_eq!(opening.open_rtcp(&report, &mut plain), Ok(()));
    }
}

#[test]
fn our_own_packets_are_not_the_peers() {
    for profile in PROFILES {
        let keys = keys(profile);
        let packet = sealed(&mut Sealing::new(&keys, true).unwrap(), SSRC, 1);
        let mut opening = Opening::new(&keys, true).unwrap();
        assert_eq!(opened(&mut opening, &packet), Err(Refusal::NotAuthentic));
    }
}

#[test]
fn one_ssrc_too_many_is_refused_and_the_others_go_on() {
    let (mut sealing, mut opening) = pair(Profile::AeadAes128Gcm);
    for ssrc in 0..1024 {
        let packet = sealed(&mut sealing, ssrc, 1);
        assert_eq!(opened(&mut opening, &packet), Ok(1));
    }
    let packet = sealed(&mut sealing, 1024, 1);
    assert_eq!(opened(&mut opening, &packet), Err(Refusal::Replayed));
    let packet = sealed(&mut sealing, 0, 2);
    assert_eq!(opened(&mut opening, &packet), Ok(2));
}

#[test]
fn truncated_and_random_input_is_refused() {
    let mut random = fastrand::Rng::with_seed(7);
    for profile in PROFILES {
        let (mut sealing, mut opening) = pair(profile);
        let packet = sealed(&mut sealing, SSRC, 1);
        let mut report = rtcp(SSRC);
        sealing.seal_rtcp(&mut report, 0);
        let mut plain = Vec::new();
        for length in 0..packet.len() {
            for header in [0, 11, 12, 16, length, length + 1, usize::MAX] {
                let result = opening.open_rtp(&packet[..length], header, &mut plain);
                assert!(result.is_err());
            }
        }
        for length in 0..report.len() {
            assert!(opening.open_rtcp(&report[..length], &mut plain).is_err());
        }
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..random.usize(0..80)).map(|_| random.u8(..)).collect();
            let header = random.usize(0..90);
            assert!(opening.open_rtp(&bytes, header, &mut plain).is_err());
            assert!(opening.open_rtcp(&bytes, &mut plain).is_err());
        }
    }
}

#[test]
fn keys_are_not_printed() {
    let keys = keys(Profile::AeadAes256Gcm);
    assert_eq!(
        format!("{keys:?}"),
        "Keys { profile: AeadAes256Gcm, .. }",
        "nothing but the profile"
    );
}
