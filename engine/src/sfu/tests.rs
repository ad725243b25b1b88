//! Of one endpoint's faults nobody else has to suffer.

use super::*;
use crate::demux::Path;
use crate::demux::Transport;
use crate::endpoint::Happening;
use crate::setup::Encoding;
use crate::setup::{EndpointSetup, SourceSetup, Wanted};

fn sfu_with(ids: &[u64]) -> (Instant, Sfu) {
    let now = Instant::now();
    let local = SocketAddr::from(([192, 0, 2, 1], 10000));
    let mut sfu = Sfu::new(now, vec![local], Limits::default(), 1);
    for &id in ids {
        let setup = EndpointSetup {
            ufrag: format!("srv{id}"),
            pwd: "p".repeat(24),
            controlling: true,
            payload_types: vec![],
            extensions: vec![],
        };
        assert!(sfu.add_endpoint(now, EndpointId(id), setup));
    }
    (now, sfu)
}

#[test]
fn a_panic_costs_its_endpoint_only() {
    let (now, mut sfu) = sfu_with(&[1, 2]);

    sfu.let_work(now, EndpointId(1), |_, _, _| panic!("as a bug would"));
    sfu.handle_timeout(now + TICK);

    assert_eq!(
        sfu.take_events(),
        [Event::EndpointFailed {
            endpoint: EndpointId(1),
            reason: "internal"
        }]
    );
    let left: Vec<_> = sfu.snapshot(now).iter().map(|each| each.endpoint).collect();
    assert_eq!(left, [EndpointId(2)]);
    assert_eq!(sfu.counters.dropped(Drop::Internal), 1);
}

#[test]
fn a_panic_over_what_an_endpoint_sent_costs_its_sender_only() {
    let (now, mut sfu) = sfu_with(&[1, 2]);

    sfu.let_work(now, EndpointId(1), |_, _, happenings| {
        happenings.push(Happening::Panic);
    });

    assert_eq!(sfu.counters.dropped(Drop::Internal), 1);
    assert!(sfu.endpoints.contains_key(&EndpointId(2)));
    assert!(!sfu.endpoints.contains_key(&EndpointId(1)));
}

#[test]
fn handshakes_take_one_step_a_turn_and_nobody_fills_the_queue() {
    let (now, mut sfu) = sfu_with(&[1, 2]);
    let paths = [40_000, 40_001].map(|port| Path {
        transport: Transport::Udp,
        local: SocketAddr::from(([192, 0, 2, 1], 10000)),
        remote: SocketAddr::from(([198, 51, 100, 7], port)),
    });
    for (path, id) in paths.into_iter().zip([1, 2]) {
        sfu.bind(now, path, EndpointId(id));
    }
    for _ in 0..WAITING_OF_ONE + 5 {
        sfu.receive(now, paths[0], &[22, 254, 253, 0, 0, 0, 0, 0]);
    }
    sfu.receive(now, paths[1], &[22, 254, 253, 0, 0, 0, 0, 0]);
    assert_eq!(sfu.handshakes.len(), WAITING_OF_ONE + 1);
    assert_eq!(sfu.counters.dropped(Drop::BadDtls), 5);

    sfu.handle_timeout(now);
    assert_eq!(sfu.handshakes.len(), WAITING_OF_ONE);
    assert!(sfu.next_timeout() <= now, "the next one does not wait");
}

#[test]
fn who_stopped_receiving_a_source_forgets_it_too_when_it_goes() {
    let (now, mut sfu) = sfu_with(&[1, 2]);
    let (sender, receiver) = (EndpointId(1), EndpointId(2));
    let source = SourceSetup {
        id: SourceId(5),
        kind: MediaKind::Video,
        encodings: vec![Encoding {
            ssrc: 11,
            rtx: Some(12),
        }],
    };
    let wanted = Wanted {
        source: source.id,
        encoding: 0,
        spatial: 7,
        temporal: 7,
        slot: None,
    };
    sfu.set_sources(now, sender, vec![source]);
    sfu.forward(now, receiver, vec![wanted]);
    sfu.forward(now, receiver, vec![]);
    assert_eq!(sfu.endpoints[&receiver].outputs.held(), 1);

    sfu.remove_endpoint(sender);

    assert_eq!(sfu.endpoints[&receiver].outputs.held(), 0);
}
