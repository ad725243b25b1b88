//! What an endpoint does while nothing can be sent.

use super::*;
use crate::demux::Transport;
use crate::dtls::Progress;
use crate::egress::Head;
use crate::extensions::TRANSPORT_CC;
use crate::feedback::Feedback;
use crate::outbox::Outbox;
use crate::rtp_extensions::Values;
use crate::setup::CertificateHash;
use crate::srtp::Sealing;
use crate::srtp::{Keys, Profile};

const MS: Duration = Duration::from_millis(1);

fn path() -> Path {
    Path {
        transport: Transport::Udp,
        local: SocketAddr::from(([192, 0, 2, 1], 10_000)),
        remote: SocketAddr::from(([198, 51, 100, 1], 5_000)),
    }
}

/// One whose peer is known and has not been reached.
fn introduced(now: Instant) -> Endpoint {
    let setup = EndpointSetup {
        ufrag: "srv".into(),
        pwd: "p".repeat(24),
        controlling: true,
        payload_types: Vec::new(),
        extensions: vec![(5, TRANSPORT_CC.to_owned())],
    };
    let mut endpoint = Endpoint::new(
        now,
        EndpointId(1),
        setup,
        &[path().local],
        1,
        &Limits::default(),
    );
    let remote = RemoteSetup {
        ufrag: "cli".into(),
        pwd: "p".repeat(24),
        fingerprints: vec![CertificateHash {
            hash: "sha-256".into(),
            digest: vec![0; 32],
        }],
        setup: DtlsSetup::Active,
    };
    endpoint.set_remote(now, remote).unwrap();
    endpoint
}

#[test]
fn a_handshake_without_a_path_keeps_little_and_sends_it_once_there_is_one() {
    let now = Instant::now();
    let mut endpoint = introduced(now);
    let (mut outbox, mut happenings) = (Outbox::default(), Vec::new());
    let mut client = Handshake::start(now, true).unwrap();
    for each in client.drive(now).unwrap() {
        if let Progress::Datagram(hello) = each {
            endpoint.receive_dtls(now, path(), &hello).unwrap();
        }
    }
    endpoint.drive_dtls(now, &mut outbox, &mut happenings);
    assert!(!endpoint.unsent_dtls.is_empty(), "the answer waits");
    assert!(outbox.is_empty());

    // The library repeats itself seldom; another one might not.
    for _ in 0..100 {
        endpoint.keep_unsent(vec![22]);
    }
    endpoint.egress.path = Some(path());
    endpoint.drive_dtls(now, &mut outbox, &mut happenings);

    assert_eq!(outbox.len(), UNSENT_DTLS_DATAGRAMS);
    let (_, first) = outbox.iter().next().unwrap();
    assert!(first.len() > 1, "the oldest are kept");
    assert!(endpoint.unsent_dtls.is_empty());
    assert!(happenings.is_empty(), "{happenings:?}");
}

#[test]
fn nobody_unreachable_is_padded_each_millisecond() {
    let mut now = Instant::now();
    let mut endpoint = introduced(now);
    let (mut outbox, mut happenings) = (Outbox::default(), Vec::new());
    let keys = Keys {
        profile: Profile::AeadAes128Gcm,
        material: vec![1; 56],
    };
    let egress = &mut endpoint.egress;
    egress.secure(Sealing::new(&keys, false).unwrap());
    egress.path = Some(path());
    let head = Head {
        payload_type: 100,
        marker: true,
        is_padding: false,
        seq: 1,
        timestamp: 1,
        ssrc: 1,
        values: Values::default(),
    };
    assert!(egress.send(now, head, &mut outbox, |_| {}).is_some());
    let told = Feedback {
        reference_us: 0,
        packets: vec![(0, Some(0))],
    };
    egress.feedback(now + 10 * MS, &told);
    now += 2_000 * MS;
    assert!(endpoint.steer(now, 50_000_000));
    assert!(endpoint.egress.next_padding().is_some_and(|at| at <= now));

    // Its path is lost: there is none as far as ICE knows.
    let (end, mut turns) = (now + 1_000 * MS, 0);
    while now < end {
        endpoint.drive(now, now, None, &mut outbox, &mut happenings);
        now = endpoint.deadline.max(now + MS);
        turns += 1;
    }
    assert!(turns < 50, "{turns}");
}
