//! SRTP under packets that are repeated, altered, late and far ahead; and what somebody with the
//! right keys may put inside.

use std::collections::{HashMap, HashSet};

use crate::mutator::fuzz;
use crate::world::unharmed::{assert_still_works, assert_unharmed};
use crate::world::{Frame, MS, World, audio, video, vp8, wanted};
use _engine::counters::Drop;
use _engine::rtp;
use _engine::srtp::{Keys, Opening, Profile, REPLAY_WINDOW, Refusal, Sealing};

const PROFILES: [Profile; 3] = [
    Profile::AeadAes128Gcm,
    Profile::Aes128CmSha1_80,
    Profile::AeadAes256Gcm,
];
const SSRCS: u32 = 3;
const HALF_A_ROUND: u64 = 1 << 15;

/// What was sent: a datagram, and what has to come out of it.
struct Protected {
    datagram: Vec<u8>,
    plain: Vec<u8>,
    /// None of RTCP.
    ssrc: Option<u32>,
    index: u64,
    is_accepted: bool,
}

/// Both ends of one direction, and all that has been between them.
struct Session {
    sealing: Sealing,
    opening: Opening,
    sent: Vec<Protected>,
    by_datagram: HashMap<Vec<u8>, usize>,
    /// The next index of each SSRC, and of RTCP.
    next: HashMap<Option<u32>, u64>,
    highest: HashMap<Option<u32>, u64>,
}

impl Session {
    fn new(profile: Profile) -> Session {
        let keys = Keys {
            profile,
            material: (0..100_u8).collect(),
        };
        Session {
            sealing: Sealing::new(&keys, true).unwrap(),
            opening: Opening::new(&keys, false).unwrap(),
            sent: Vec::new(),
            by_datagram: HashMap::new(),
            next: HashMap::new(),
            highest: HashMap::new(),
        }
    }

    /// Protect one packet; which one it is.
    fn send(&mut self, ssrc: Option<u32>, length: usize) -> usize {
        let next = self.next.entry(ssrc).or_default();
        let index = *next;
        *next += 1;
        let mut plain = Vec::new();
        if let Some(ssrc) = ssrc {
            rtp::write(&mut plain, 100, false, index as u16, 7, ssrc, false);
            plain.resize(rtp::FIXED_BYTES + length, index as u8);
        } else {
            plain.extend([0x80, 201, 0, 1, 0, 0, 0, 1]);
            plain.resize(8 + length, index as u8);
        }
        let mut datagram = plain.clone();
        match ssrc {
            Some(_) => self
                .sealing
                .seal_rtp(&mut datagram, 0, rtp::FIXED_BYTES, index),
            None => self.sealing.seal_rtcp(&mut datagram, 0),
        }
        self.by_datagram.insert(datagram.clone(), self.sent.len());
        self.sent.push(Protected {
            datagram,
            plain,
            ssrc,
            index,
            is_accepted: false,
        });
        self.sent.len() - 1
    }

    /// Whether what was sent has to be accepted; None where RFC 3711 leaves it open.
    fn expected(&self, packet: &Protected) -> Option<bool> {
        let index = packet.index;
        let Some(&highest) = self.highest.get(&packet.ssrc) else {
            // Who never heard the SSRC takes it to be in its first round.
            return Some(packet.ssrc.is_none() || index <= u64::from(u16::MAX));
        };
        if index <= highest {
            return Some(!packet.is_accepted && highest - index < REPLAY_WINDOW);
        }
        let both_in_first_round = index <= u64::from(u16::MAX);
        if packet.ssrc.is_none() || index - highest < HALF_A_ROUND || both_in_first_round {
            return Some(true);
        }
        (index - highest > HALF_A_ROUND).then_some(false)
    }

    /// Open a datagram that may have been altered; true when it was accepted.
    fn deliver(&mut self, datagram: &[u8], is_rtcp: bool) -> bool {
        let mut plain = vec![1, 2, 3];
        let result = if is_rtcp {
            self.opening.open_rtcp(datagram, &mut plain).map(|()| None)
        } else {
            let header = rtp::read(datagram).map_or(datagram.len(), |header| header.length);
            self.opening
                .open_rtp(datagram, header, &mut plain)
                .map(Some)
        };
        let known = self.by_datagram.get(datagram).copied();
        let known = known.filter(|&at| self.sent[at].ssrc.is_none() == is_rtcp);
        let Some(at) = known else {
            assert!(result.is_err(), "something altered was accepted");
            assert!(plain.is_empty());
            return false;
        };
        let expected = self.expected(&self.sent[at]);
        let packet = &mut self.sent[at];
        match result {
            Ok(index) => {
                assert!(!packet.is_accepted, "accepted twice");
                assert_ne!(expected, Some(false), "{index:?}");
                assert_eq!(plain, packet.plain);
                assert!(index.is_none_or(|index| index == packet.index));
                packet.is_accepted = true;
                let highest = self.highest.entry(packet.ssrc).or_default();
                *highest = packet.index.max(*highest);
                true
            }
            Err(refusal) => {
                assert!(plain.is_empty());
                assert_ne!(expected, Some(true), "{refusal:?} of {}", packet.index);
                false
            }
        }
    }

    fn alter(&mut self, at: usize, how: u8, place: usize) {
        let is_rtcp = self.sent[at].ssrc.is_none();
        let mut datagram = self.sent[at].datagram.clone();
        let place = place % datagram.len();
        match how % 5 {
            0 => datagram[place] ^= 1 << (how >> 5),
            1 => datagram.truncate(place),
            2 => datagram.insert(place, how),
            3 => _ = datagram.remove(place),
            _ => {
                let other = &self.sent[(at + place) % self.sent.len()].datagram;
                datagram.truncate(place);
                datagram.extend(other.get(place..).unwrap_or_default());
            }
        }
        self.deliver(&datagram, is_rtcp);
    }
}

/// Orders of four bytes: what to do, and with what.
fn fuzz_srtp(data: &[u8]) -> bool {
    let (&first, orders) = data.split_first().unwrap_or((&0, &[]));
    let mut session = Session::new(PROFILES[usize::from(first) % PROFILES.len()]);
    let mut accepted = false;
    for order in orders.chunks_exact(4).take(200) {
        let &[what, who, high, low] = order else {
            continue;
        };
        let ssrc = match u32::from(who) % (SSRCS + 1) {
            0 => None,
            ssrc => Some(ssrc),
        };
        let number = usize::from(u16::from_be_bytes([high, low]));
        match (what % 8, session.sent.len()) {
            (0..3, _) | (_, 0) => {
                let at = session.send(ssrc, number % 300);
                let datagram = session.sent[at].datagram.clone();
                accepted |= session.deliver(&datagram, ssrc.is_none());
            }
            (3, _) => _ = session.send(ssrc, number % 300),
            // SRTCP counts for itself.
            (4, _) if ssrc.is_some() => *session.next.entry(ssrc).or_default() += number as u64,
            (4 | 5, sent) => {
                let packet = &session.sent[sent - 1 - number % sent];
                let (datagram, is_rtcp) = (packet.datagram.clone(), packet.ssrc.is_none());
                accepted |= session.deliver(&datagram, is_rtcp);
            }
            (6, sent) => session.alter(sent - 1 - usize::from(who) % sent, high, low.into()),
            _ => {
                let bytes: Vec<u8> = order.iter().copied().cycle().take(number % 90).collect();
                session.deliver(&bytes, who % 2 == 0);
            }
        }
    }
    // However it went, the session goes on.
    for ssrc in 0..=SSRCS {
        let ssrc = (ssrc > 0).then_some(ssrc);
        let at = session.send(ssrc, 20);
        let datagram = session.sent[at].datagram.clone();
        session.deliver(&datagram, ssrc.is_none());
    }
    accepted
}

#[test]
fn srtp_accepts_what_was_sent_and_that_once() {
    fuzz("srtp", 5_000, fuzz_srtp);
}

// ---- the edge of the window --------------------------------------------------------------------

#[test]
fn a_packet_inside_the_window_is_accepted_once_and_none_outside() {
    for profile in PROFILES {
        for is_rtcp in [false, true] {
            let mut session = Session::new(profile);
            let ssrc = (!is_rtcp).then_some(1);
            let count = REPLAY_WINDOW as usize + 2;
            let packets: Vec<Vec<u8>> = (0..count)
                .map(|_| {
                    let at = session.send(ssrc, 20);
                    session.sent[at].datagram.clone()
                })
                .collect();
            let newest = count - 1;
            let oldest = newest + 1 - REPLAY_WINDOW as usize;
            for (at, is_accepted) in [
                (newest, true),
                (oldest, true),
                (oldest - 1, false),
                (oldest, false),
                (newest, false),
                (newest - 1, true),
            ] {
                let was_accepted = session.deliver(&packets[at], is_rtcp);
                assert_eq!(was_accepted, is_accepted, "{profile:?} {at}");
            }
        }
    }
    let mut opening = Session::new(PROFILES[0]).opening;
    let nothing = opening.open_rtp(&[], 12, &mut Vec::new());
    assert_eq!(nothing, Err(Refusal::Malformed));
}

#[test]
fn three_rollovers_with_loss_and_reordering_lose_nothing_that_comes() {
    const AROUND: u64 = 4_000;
    let mut numbers = fastrand::Rng::with_seed(9);
    let mut session = Session::new(PROFILES[0]);
    let mut delivered = 0;
    for wrap in 0..=3_u64 {
        let middle = wrap * 65_536;
        // Further than half a round from the packet before none could be told apart.
        for way in [middle.saturating_sub(30_000), middle.saturating_sub(AROUND)] {
            let next = session.next.entry(Some(1)).or_default();
            *next = way.max(*next);
            let at = session.send(Some(1), 20);
            let datagram = session.sent[at].datagram.clone();
            assert!(session.deliver(&datagram, false));
        }
        let mut come = Vec::new();
        while session.next[&Some(1)] < middle + AROUND {
            let at = session.send(Some(1), 20);
            if numbers.u8(..100) >= 30 {
                // Up to a hundred places later than it was sent.
                come.push((at as u64 + numbers.u64(..100), at));
            }
        }
        come.sort_unstable();
        for (_, at) in come {
            let datagram = session.sent[at].datagram.clone();
            assert!(
                session.deliver(&datagram, false),
                "{}",
                session.sent[at].index
            );
            delivered += 1;
        }
    }
    assert!(delivered > 15_000, "{delivered}");
}

// ---- what the right keys may carry -------------------------------------------------------------

const FILMED: u32 = 1000;
const SAID: u32 = 13;
const SHOWN: u32 = 5000;

/// Client 0 sends to a raw client, that one to client 1, and client 2 to client 1 too.
fn call() -> World {
    let mut world = World::connected(3);
    world.join_raw();
    world.run(1000 * MS);
    let id = world.raws[0].id;
    let (picture, other) = (video(1, FILMED, 1), audio(6, 12));
    world.clients[0].publish(&picture);
    world.clients[2].publish(&other);
    world.clients[1].expect(&other);
    world.set_sources(0, vec![picture]);
    world.set_sources(2, vec![other]);
    let hostile = vec![audio(8, SAID), video(9, SHOWN, 1)];
    for source in &hostile {
        world.clients[1].expect(source);
    }
    world.sfu.set_sources(world.now, id, hostile);
    world.forward(1, vec![wanted(6, 0, 7), wanted(8, 0, 7), wanted(9, 0, 7)]);
    world.sfu.forward(world.now, id, vec![wanted(1, 0, 7)]);
    world
}

/// Compounds of a client that has joined, while it is sent something.
#[test]
fn reports_of_a_hostile_client() {
    let mut world = call();
    let mut n = 0;
    fuzz("rtcp", 2_000, |compound| {
        let now = world.now;
        world.clients[0].send(
            now,
            FILMED,
            vp8(Frame {
                timestamp: n * 1800,
                is_key: n % 50 == 0,
                picture: n as u16,
                tl0: n as u8,
                temporal: 0,
                sync: false,
            }),
        );
        n += 1;
        let read = !_engine::rtcp::parse(compound).is_empty();
        world.raws[0].send_rtcp(compound);
        world.run(20 * MS);
        world.raws[0].packets.clear();
        world.raws[0].reports.clear();
        assert_unharmed(&world);
        read
    });
    assert_eq!(world.sfu.counters.dropped(Drop::SrtpAuth), 0);
    assert_still_works(&mut world);
}

/// Whole packets of RTP, headers and extensions included, of a client that has joined.
#[test]
fn packets_of_a_hostile_client() {
    let mut world = call();
    let (mut index, mut sent) = (0, HashSet::new());
    fuzz("packet", 2_000, |data| {
        index += 1;
        let mut packet = data.to_vec();
        if let Some(seq) = packet.get_mut(2..4) {
            seq.copy_from_slice(&(index as u16).to_be_bytes());
        }
        let before = world.sfu.counters.packets_forwarded;
        world.raws[0].send_packet(&packet, index);
        world.run(20 * MS);
        assert_unharmed(&world);
        for packet in world.clients[1].packets.drain(..) {
            let key = (*packet.header.ssrc, *packet.seq_no);
            assert!(sent.insert(key), "a number twice");
        }
        world.sfu.counters.packets_forwarded > before
    });
    assert_still_works(&mut world);
}
