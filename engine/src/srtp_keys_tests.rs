//! Key derivation and packets with the published vectors.

use super::*;

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|digit| *digit != b' ').collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn derived(master: &str, salt: &str, label: u8, length: usize) -> Vec<u8> {
    let mut output = vec![0xFF; length];
    derive(&hex(master), &hex(salt), label, &mut output).unwrap();
    output
}

/// RFC 3711 appendix B.3.
#[test]
fn keys_of_128_bits_are_derived_as_the_rfc_shows() {
    let derived = |label, length| {
        derived(
            "E1F97A0D3E018BE0D64FA32C06DE4139",
            "0EC675AD498AFEEBB6960B3AABE6",
            label,
            length,
        )
    };
    assert_eq!(derived(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(
        derived(1, 20),
        hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
    );
}

/// RFC 6188 §7.2.
#[test]
fn keys_of_256_bits_are_derived_as_the_rfc_shows() {
    let derived = |label, length| {
        derived(
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
            "3b04803de51ee7c96423ab5b78d2",
            label,
            length,
        )
    };
    assert_eq!(
        derived(0, 32),
        hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4")
    );
    assert_eq!(derived(2, 14), hex("fa31791685ca444a9e07c6c64e93"));
}

/// RFC 3711 appendix B.2.
#[test]
fn the_key_stream_is_that_of_the_rfc() {
    let key = counter_key(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let salt: [u8; 14] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
    let mut stream = [0; 48];
    assert!(run_counter(&key, counter(&salt, 0, 0), &mut stream));
    assert_eq!(
        stream.to_vec(),
        hex(
            "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB
             41E95B3BB0A2E8DD477901E4FCA894C0"
                .replace('\n', "")
                .as_str()
        )
    );
}

const RTP_PACKET: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e6973206469766973\
    6120696e207061727465732074726573";
const RTCP_PACKET: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61\
    deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
const SEQ: u64 = 0xf17b;
const SSRC: u32 = 0x5501_a0b2;
const MARS: u32 = 0x4d61_7273;

/// A profile and the packets of RFC 7714 §16 and §17: RTP, RTCP encrypted, RTCP with a tag only.
struct Vectors {
    profile: Profile,
    key: usize,
    rtp: &'static str,
    rtcp: &'static str,
    tagged: &'static str,
}

const VECTORS: [Vectors; 2] = [
    Vectors {
        profile: Profile::AeadAes128Gcm,
        key: 16,
        rtp: "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a\
            51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
        rtcp: "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda\
            4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
        tagged: "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeef\
            deadbeefdeadbeefdeadbeefdeadbeef841dd9683dd78ec92ae58790125f62b3000005d4",
    },
    Vectors {
        profile: Profile::AeadAes256Gcm,
        key: 32,
        rtp: "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a02\
            76ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
        rtcp: "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be\
            8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
        tagged: "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeef\
            deadbeefdeadbeefdeadbeefdeadbeef91db4afbfeee5a978fab4393ed2615fe000005d4",
    },
];

impl Vectors {
    fn cipher(&self) -> Cipher {
        let key: Vec<u8> = (0..32).take(self.key).collect();
        let mut salt = [0; LONG_SALT];
        salt[..SHORT_SALT].copy_from_slice(b"Quid pro quo");
        Cipher::new(self.profile, &key, &salt, &[0; HMAC_KEY]).unwrap()
    }
}

#[test]
fn rtp_is_sealed_and_opened_as_the_rfc_shows() {
    for vectors in VECTORS {
        let cipher = vectors.cipher();
        let mut buffer = vec![1, 2, 3];
        buffer.extend(hex(RTP_PACKET));
        assert!(cipher.seal_rtp(&mut buffer, 3, 12, SSRC, SEQ));
        assert_eq!(buffer[3..], hex(vectors.rtp), "{:?}", vectors.profile);
        let mut plain = Vec::new();
        assert!(cipher.open_rtp(&hex(vectors.rtp), 12, SSRC, SEQ, &mut plain));
        assert_eq!(plain, hex(RTP_PACKET));
    }
}

#[test]
fn rtcp_is_sealed_and_opened_as_the_rfc_shows() {
    for vectors in VECTORS {
        let cipher = vectors.cipher();
        let mut buffer = vec![1, 2, 3];
        buffer.extend(hex(RTCP_PACKET));
        assert!(cipher.seal_rtcp(&mut buffer, 3, 8, MARS, 0x5d4));
        assert_eq!(buffer[3..], hex(vectors.rtcp), "{:?}", vectors.profile);
        for (protected, is_encrypted) in [(vectors.rtcp, true), (vectors.tagged, false)] {
            let protected = hex(protected);
            let word = cipher.index_of_rtcp(&protected).unwrap();
            assert_eq!(word, (is_encrypted, 0x5d4));
            let mut plain = Vec::new();
            assert!(cipher.open_rtcp(&protected, 8, MARS, word, &mut plain));
            assert_eq!(plain, hex(RTCP_PACKET));
        }
    }
}
