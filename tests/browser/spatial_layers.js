// One page with two ends of a call through the packet engine: a canvas that is sent with spatial
// layers, and a receiver that tells what it decodes. The test plays the signalling between them.
window.layers = {
  async send(offer, mode) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 360];
    const picture = canvas.getContext("2d");
    let n = 0;
    this.painting = setInterval(() => {
      n += 1;
      picture.fillStyle = `hsl(${(n * 3) % 360} 60% 50%)`;
      picture.fillRect(0, 0, 640, 360);
      picture.fillStyle = "black";
      for (let i = 0; i < 40; i += 1) picture.fillRect((n * 5 + i * 53) % 640, (i * 37) % 360, 20, 9);
    }, 66);
    const pc = (this.sender = new RTCPeerConnection());
    await pc.setRemoteDescription({ type: "offer", sdp: offer });
    const [transceiver] = pc.getTransceivers();
    transceiver.direction = "sendonly";
    await transceiver.sender.replaceTrack(canvas.captureStream(15).getVideoTracks()[0]);
    await pc.setLocalDescription(await pc.createAnswer());
    const parameters = transceiver.sender.getParameters();
    parameters.encodings[0].scalabilityMode = mode;
    parameters.encodings[0].maxBitrate = 1_200_000;
    await transceiver.sender.setParameters(parameters);
    return pc.localDescription.sdp;
  },

  async receive(offer) {
    const pc = (this.receiver = new RTCPeerConnection());
    const video = document.createElement("video");
    [video.muted, video.autoplay] = [true, true];
    pc.ontrack = ({ streams }) => (video.srcObject = streams[0]);
    document.body.append(video);
    await pc.setRemoteDescription({ type: "offer", sdp: offer });
    await pc.setLocalDescription(await pc.createAnswer());
    return pc.localDescription.sdp;
  },

  /** What arrives, and what is sent. */
  async survey() {
    const rows = async (pc, type) =>
      [...(await pc.getStats()).values()].find((row) => row.type === type && row.kind === "video") ?? {};
    const inbound = await rows(this.receiver, "inbound-rtp");
    const outbound = await rows(this.sender, "outbound-rtp");
    return {
      height: inbound.frameHeight ?? 0,
      frames: inbound.framesDecoded ?? 0,
      dropped: inbound.framesDropped ?? 0,
      freezes: inbound.freezeCount ?? 0,
      frozen: inbound.totalFreezesDuration ?? 0,
      lost: inbound.packetsLost ?? 0,
      plis: inbound.pliCount ?? 0,
      nacks: inbound.nackCount ?? 0,
      sentHeight: outbound.frameHeight ?? 0,
      mode: outbound.scalabilityMode ?? "",
      keyframes: outbound.keyFramesEncoded ?? 0,
    };
  },

  /** Wait until pictures of this height are decoded, some of them in a row. */
  async until(height, deadline) {
    const end = performance.now() + deadline;
    let before = await this.survey();
    while (performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      const now = await this.survey();
      if (now.height === height && before.height === height && now.frames > before.frames) return now;
      before = now;
    }
    throw new Error(`${height} lines never came: ${JSON.stringify(before)}`);
  },
};
