use super::*;

fn packet(encoding: usize, temporal: u8, timestamp: u32) -> Measured {
    Measured {
        encoding,
        spatial: 0,
        temporal,
        layers: LayerSet::temporal_from(0, temporal),
        bytes: 1000,
        timestamp,
        starts_keyframe: false,
        heights: [180, 0, 0, 0, 0, 0, 0, 0],
    }
}

/// 30 frames per second of one packet each, temporal layers 0 2 1 2.
fn run(meter: &mut LayerMeter, start: Instant, from: u32, to: u32) -> Instant {
    for frame in from..to {
        let at = start + Duration::from_millis(u64::from(frame) * 100 / 3);
        meter.add(
            at,
            packet(0, [0, 2, 1, 2][frame as usize % 4], frame * 3000),
        );
    }
    start + Duration::from_millis(u64::from(to) * 100 / 3)
}

#[test]
fn temporal_layers_add_up() {
    let start = Instant::now();
    let mut meter = LayerMeter::new(start);
    let now = run(&mut meter, start, 0, 60);

    let layers = meter.report(now).unwrap();

    assert_eq!(
        layers
            .iter()
            .map(|l| (l.encoding, l.temporal))
            .collect::<Vec<_>>(),
        [(0, 0), (0, 1), (0, 2)]
    );
    assert!((200_000..270_000).contains(&layers[2].bps), "{layers:?}");
    assert!((50_000..80_000).contains(&layers[0].bps), "{layers:?}");
    assert!((27.0..32.0).contains(&layers[2].fps), "{layers:?}");
    assert_eq!(layers[0].height, 180);
}

#[test]
fn the_start_of_an_encoding_and_its_end_are_told() {
    let start = Instant::now();
    let mut meter = LayerMeter::new(start);
    let now = run(&mut meter, start, 0, 30);
    assert!(meter.report(now).is_some());
    assert_eq!(meter.report(now), None);
    meter.add(now, packet(1, 0, 0));

    let layers = meter.report(now).unwrap();
    assert!(layers.iter().any(|layer| layer.encoding == 1));

    assert_eq!(meter.report(now + Duration::from_secs(3)), Some(vec![]));
    assert_eq!(meter.report(now + Duration::from_secs(9)), None);
}

/// 25 frames a second of five packets of 1200 bytes; key frames have 20. From `from` to `to`.
fn film(meter: &mut LayerMeter, start: Instant, from: u32, to: u32, keyframes: &[u32]) -> Instant {
    for frame in from..to {
        let at = start + Duration::from_millis(u64::from(frame) * 40);
        let is_key = keyframes.contains(&frame);
        for number in 0..if is_key { 20 } else { 5 } {
            meter.add(
                at,
                Measured {
                    bytes: 1200,
                    starts_keyframe: is_key && number == 0,
                    ..packet(0, 0, frame * 3600)
                },
            );
        }
    }
    start + Duration::from_millis(u64::from(to) * 40)
}

#[test]
fn the_key_frame_at_the_start_does_not_make_a_layer_dear() {
    let start = Instant::now();
    for frames in 5..30 {
        let mut meter = LayerMeter::new(start);
        let now = film(&mut meter, start, 0, frames, &[0]);

        let bps = meter.measure(now)[0].bps;

        assert!((1_000_000..1_500_000).contains(&bps), "{frames} {bps}");
    }
}

#[test]
fn key_frames_asked_for_by_somebody_who_lost_much_do_not_either() {
    let start = Instant::now();
    let mut meter = LayerMeter::new(start);
    let now = film(&mut meter, start, 0, 50, &[0]);
    let before = meter.measure(now)[0].bps as f64;

    let now = film(&mut meter, start, 50, 75, &[50, 56, 62, 68]);

    let after = meter.measure(now)[0].bps as f64;
    assert!((0.8..1.2).contains(&(after / before)), "{before} {after}");
}

#[test]
fn a_source_of_key_frames_alone_costs_what_it_sends() {
    let start = Instant::now();
    let mut meter = LayerMeter::new(start);
    let all: Vec<u32> = (0..500).collect();
    let now = film(&mut meter, start, 0, 500, &all);

    let bps = meter.measure(now)[0].bps;

    let sent = 25 * 20 * 1200 * 8;
    assert!((sent * 9 / 10..sent * 11 / 10).contains(&bps), "{bps}");
}
