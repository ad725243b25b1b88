//! Our packets against str0m's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, KeyingMaterial,
    ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider, Fingerprint};
use str0m::media::{MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc, RtcConfig};

use super::tests::{HEADER, PROFILES, SSRC, keys};
use super::*;
use crate::crypto;

/// A DTLS provider that puts keys of the test's choice in place of those agreed.
#[derive(Debug)]
struct Putting(Profile);

static PUTTING: [Putting; 3] = [
    Putting(PROFILES[0]),
    Putting(PROFILES[1]),
    Putting(PROFILES[2]),
];

impl DtlsProvider for Putting {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        crypto::provider().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let provider = crypto::provider().dtls_provider;
        let session = provider.new_dtls(certificate, now, version, mtu)?;
        Ok(Box::new(PuttingSession(session, self.0)))
    }
}

#[derive(Debug)]
struct PuttingSession(Box<dyn DtlsInstance>, Profile);

impl DtlsInstance for PuttingSession {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.0.poll_output(buffer);
        if !matches!(output, DtlsOutput::KeyingMaterial(..)) {
            return output;
        }
        let profile = match self.1 {
            Profile::Aes128CmSha1_80 => SrtpProfile::AES128_CM_SHA1_80,
            Profile::AeadAes128Gcm => SrtpProfile::AEAD_AES_128_GCM,
            Profile::AeadAes256Gcm => SrtpProfile::AEAD_AES_256_GCM,
        };
        let material = KeyingMaterial::new(&keys(self.1).material);
        DtlsOutput::KeyingMaterial(material, profile)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

/// A str0m session that sends or receives one audio stream.
struct Peer {
    rtc: Rtc,
    address: std::net::SocketAddr,
    is_connected: bool,
    received: Vec<RtpPacket>,
}

impl Peer {
    /// The first of two peers is the one in control and the DTLS client.
    fn new(now: Instant, is_first: bool, provider: Arc<CryptoProvider>) -> Peer {
        let creds = |name: &str| IceCreds {
            ufrag: name.into(),
            pass: format!("password of the peer {name}"),
        };
        let (ours, theirs, address) = match is_first {
            true => ("first", "second", "192.0.2.1:1000"),
            false => ("second", "first", "192.0.2.2:1000"),
        };
        let address = address.parse().unwrap();
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(provider)
            .set_rtp_mode(true)
            .enable_opus(true, false)
            .set_fingerprint_verification(false)
            .set_local_ice_credentials(creds(ours))
            .build(now);
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).unwrap());
        let other = match is_first {
            true => "192.0.2.2:1000",
            false => "192.0.2.1:1000",
        };
        let other = Candidate::host(other.parse().unwrap(), Protocol::Udp).unwrap();
        rtc.add_remote_candidate(other);
        let mid = Mid::from("a");
        let mut direct = rtc.direct_api();
        direct.set_ice_controlling(is_first);
        direct.set_remote_ice_credentials(creds(theirs));
        direct.set_remote_fingerprint(Fingerprint {
            hash_func: "sha-256".into(),
            bytes: vec![0; 32],
        });
        direct.start_dtls(is_first).unwrap();
        direct.declare_media(mid, MediaKind::Audio);
        match is_first {
            true => drop(direct.declare_stream_tx(SSRC.into(), None, mid, None)),
            false => drop(direct.expect_stream_rx(SSRC.into(), None, mid, None)),
        }
        Peer {
            rtc,
            address,
            is_connected: false,
            received: Vec::new(),
        }
    }

    fn sent(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        let mut datagrams = Vec::new();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return datagrams,
                Output::Transmit(transmit) => datagrams.push(transmit.contents.to_vec()),
                Output::Event(Event::Connected) => self.is_connected = true,
                Output::Event(Event::RtpPacket(packet)) => self.received.push(packet),
                Output::Event(_) => {}
            }
        }
    }

    fn receive(&mut self, now: Instant, source: std::net::SocketAddr, datagram: &[u8]) {
        let receive = Receive::new(Protocol::Udp, source, self.address, datagram).unwrap();
        self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
        let sent = self.sent(now);
        assert!(sent.iter().all(|datagram| !datagram.is_empty()));
    }
}

/// Two connected peers, and what the first then sends: RTP and RTCP datagrams.
struct Call {
    second: Peer,
    first: std::net::SocketAddr,
    now: Instant,
    media: Vec<Vec<u8>>,
    reports: Vec<Vec<u8>>,
}

impl Call {
    fn new(provider: &CryptoProvider) -> Call {
        let mut now = Instant::now();
        let mut first = Peer::new(now, true, Arc::new(provider.clone()));
        let mut second = Peer::new(now, false, Arc::new(provider.clone()));
        let (mut media, mut reports) = (Vec::new(), Vec::new());
        let mut seq = 100_u64;
        for _ in 0..1000 {
            now += Duration::from_millis(10);
            if first.is_connected && second.is_connected {
                seq += 1;
                let pt = Pt::new_with_value(111);
                let payload = format!("packet {seq} of this call").into_bytes();
                let write = RtpWrite::new(pt, seq.into(), seq as u32 * 960, now, payload);
                let mut direct = first.rtc.direct_api();
                direct.stream_tx(&SSRC.into()).unwrap().write_rtp(write);
            }
            for datagram in first.sent(now) {
                match (datagram[0], datagram[1]) {
                    (128..=191, 200..=206) => reports.push(datagram),
                    (128..=191, _) => media.push(datagram),
                    _ => {
                        let receive =
                            Receive::new(Protocol::Udp, first.address, second.address, &datagram);
                        let input = Input::Receive(now, receive.unwrap());
                        second.rtc.handle_input(input).unwrap();
                    }
                }
            }
            for datagram in second.sent(now) {
                let receive = Receive::new(Protocol::Udp, second.address, first.address, &datagram);
                let input = Input::Receive(now, receive.unwrap());
                first.rtc.handle_input(input).unwrap();
            }
            if media.len() >= 5 && !reports.is_empty() {
                break;
            }
        }
        assert!(media.len() >= 5 && !reports.is_empty(), "no call");
        Call {
            second,
            first: first.address,
            now,
            media,
            reports,
        }
    }

    /// Open what str0m sealed, seal it again, and see str0m accept that.
    fn check(mut self, keys: &Keys) {
        let mut opening = Opening::new(keys, false).unwrap();
        let mut sealing = Sealing::new(keys, true).unwrap();
        let mut plain = Vec::new();
        for (count, datagram) in self.media.iter().enumerate() {
            let header = header_length(datagram);
            let index = opening.open_rtp(datagram, header, &mut plain).unwrap();
            assert_eq!(index, 101 + count as u64);
            let payload = format!("packet {index} of this call").into_bytes();
            assert_eq!(plain[header..], payload);
            sealing.seal_rtp(&mut plain, 0, header, index);
            assert_eq!(&plain, datagram, "the same keys, the same packet");
            self.second.receive(self.now, self.first, &plain);
            assert_eq!(
                self.second.received.last().unwrap().payload.to_vec(),
                payload
            );
        }
        for datagram in &self.reports {
            opening.open_rtcp(datagram, &mut plain).unwrap();
            assert_eq!(plain[..2], datagram[..2]);
            assert_eq!(plain.len() % 4, 0);
            let length = u16::from_be_bytes([plain[2], plain[3]]);
            assert!(usize::from(length) * 4 + 4 <= plain.len());
            // With the index str0m gave it, the packet becomes what str0m made of it.
            sealing.index = opening.rtcp.index_of_rtcp(datagram).unwrap().1;
            sealing.seal_rtcp(&mut plain, 0);
            assert_eq!(&plain, datagram);
        }
    }
}

fn header_length(datagram: &[u8]) -> usize {
    let fixed = HEADER + 4 * usize::from(datagram[0] & 15);
    match datagram[0] & 16 != 0 {
        true => {
            let words = u16::from_be_bytes([datagram[fixed + 2], datagram[fixed + 3]]);
            fixed + 4 + 4 * usize::from(words)
        }
        false => fixed,
    }
}

#[test]
fn str0m_and_we_understand_each_other() {
    for putting in &PUTTING {
        let provider = CryptoProvider {
            dtls_provider: putting,
            ..str0m::crypto::from_feature_flags()
        };
        Call::new(&provider).check(&keys(putting.0));
    }
}
