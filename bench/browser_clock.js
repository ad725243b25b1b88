// Runs before the page's own scripts and notes when what happened, in ms since the navigation
// began (performance.now()). It wraps what the platform offers, so it knows nothing of the page.
(() => {
  const stamps = {};
  const stamp = (name, at = performance.now()) => {
    if (!(name in stamps)) stamps[name] = at;
  };
  const connections = [];
  let frameSeen;
  let packetSeen;
  const frame = new Promise((resolve) => { frameSeen = resolve; });
  const packet = new Promise((resolve) => { packetSeen = resolve; });
  const bench = {
    stamps,
    connections,
    sawFirstFrame: Promise.all([frame, packet]).then(() => {
      // A busy page may hear of the packets after it has painted the frame they carried.
      stamps['first-packet'] = Math.min(stamps['first-packet'], stamps['first-frame']);
      return { ...stamps };
    }),
  };
  window.__bench = bench;

  // Signalling: the XMPP WebSocket is the one with the sub-protocol "xmpp" (RFC 7395).
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(url, protocols) {
      super(url, protocols);
      if (![].concat(protocols ?? []).includes('xmpp')) return;
      stamp('socket-asked');
      this.addEventListener('open', () => stamp('socket-open'));
      this.addEventListener('message', ({ data }) => {
        if (typeof data !== 'string') return;
        if (data.includes("session-initiate")) stamp('offer-received');
        if (data.includes('code=\'110\'') || data.includes('code="110"')) stamp('in-room');
      });
    }

    send(data) {
      if (typeof data === 'string' && this.protocol === 'xmpp') {
        if (data.includes('<conference')) stamp('conference-asked');
        if (data.includes('session-accept')) stamp('accept-sent');
        if (data.includes('session-initiate')) stamp('offer-sent');
      }
      super.send(data);
    }
  };

  // Media: what arrived first on any peer connection, and its last step before that.
  const remoteTracks = new Set();
  const sinceOrigin = (epochMs) => epochMs - performance.timeOrigin;
  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    constructor(...settings) {
      super(...settings);
      const index = connections.push(this) - 1;
      stamp('connection-made');
      this.addEventListener('track', ({ track }) => {
        remoteTracks.add(track.id);
        stamp('remote-track');
      });
      this.addEventListener('iceconnectionstatechange', () => {
        if (['connected', 'completed'].includes(this.iceConnectionState)) {
          stamp('ice-connected');
          stamp(`ice-connected-${index}`);
        }
      });
      this.addEventListener('connectionstatechange', () => {
        if (this.connectionState !== 'connected') return;
        stamp('dtls-connected');
        stamp(`dtls-connected-${index}`);
        watchPackets(this);
      });
    }

    async setRemoteDescription(...description) {
      stamp('remote-description');
      const done = await super.setRemoteDescription(...description);
      stamp('remote-description-set');
      return done;
    }
  };

  // Packets carry no event, so the counters are read every 10 ms until the first one arrived;
  // its time is the receiver's own `lastPacketReceivedTimestamp`, which is never too early.
  async function watchPackets(connection) {
    while (!('first-packet' in stamps) && connection.connectionState === 'connected') {
      let earliest = Infinity;
      for (const row of (await connection.getStats()).values()) {
        if (row.type !== 'inbound-rtp' || !row.packetsReceived) continue;
        earliest = Math.min(earliest, sinceOrigin(row.lastPacketReceivedTimestamp));
      }
      if (earliest < Infinity) {
        stamp('first-packet', earliest);
        packetSeen();
      } else await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  // A remote frame that was really painted, in whichever element the page shows it.
  const shows = (element) =>
    element.srcObject?.getVideoTracks().some((track) => remoteTracks.has(track.id)) ?? false;
  const watched = new WeakSet();
  function watchFrames(element) {
    if (watched.has(element) || !('requestVideoFrameCallback' in element)) return;
    watched.add(element);
    const onFrame = (now) => {
      if (!shows(element)) {
        if (!('first-frame' in stamps)) element.requestVideoFrameCallback(onFrame);
        return;
      }
      stamp('first-frame', now);
      frameSeen();
    };
    element.requestVideoFrameCallback(onFrame);
  }
  const property = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
  Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
    ...property,
    set(stream) {
      property.set.call(this, stream);
      if (this instanceof HTMLVideoElement && stream) watchFrames(this);
    },
  });

  // What all peer connections of this page have received so far.
  bench.traffic = async () => {
    const sum = { received: 0, repeated: 0, lost: 0 };
    for (const connection of connections) {
      if (connection.connectionState === 'closed') continue;
      for (const row of (await connection.getStats()).values()) {
        if (row.type !== 'inbound-rtp') continue;
        sum.received += row.packetsReceived || 0;
        sum.repeated += row.retransmittedPacketsReceived || 0; // RTX: repairs and probes
        sum.lost += row.packetsLost || 0;
      }
    }
    return sum;
  };

  // The floor under every join: two peer connections inside this page, without any signalling.
  bench.loopback = async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    // In a real join the sender's camera has been running for long: wait for its first picture.
    const preview = document.createElement('video');
    preview.muted = true;
    preview.autoplay = true;
    preview.srcObject = stream;
    document.body.append(preview);
    await new Promise((resolve) => preview.requestVideoFrameCallback(resolve));
    preview.remove();
    const sender = new Connection();
    const receiver = new Connection();
    const at = {};
    const arrived = new Promise((resolve) => {
      const video = document.createElement('video');
      video.muted = true;
      video.autoplay = true;
      document.body.append(video);
      receiver.ontrack = ({ track }) => {
        if (track.kind === 'video') video.srcObject = new MediaStream([track]);
      };
      video.requestVideoFrameCallback((now) => {
        at.frame = now;
        resolve(video);
      });
    });
    sender.onicecandidate = ({ candidate }) => candidate && receiver.addIceCandidate(candidate);
    receiver.onicecandidate = ({ candidate }) => candidate && sender.addIceCandidate(candidate);
    const connected = new Promise((resolve) => {
      receiver.onconnectionstatechange = () => {
        if (receiver.connectionState === 'connected') resolve(performance.now());
      };
    });
    for (const track of stream.getTracks()) sender.addTrack(track, stream);
    await sender.setLocalDescription();
    at.start = performance.now();
    await receiver.setRemoteDescription(sender.localDescription);
    await receiver.setLocalDescription();
    await sender.setRemoteDescription(receiver.localDescription);
    at.connected = await connected;
    while (!('packet' in at)) {
      for (const row of (await receiver.getStats()).values()) {
        if (row.type !== 'inbound-rtp' || !row.packetsReceived) continue;
        const when = sinceOrigin(row.lastPacketReceivedTimestamp);
        at.packet = Math.min(at.packet ?? Infinity, when);
      }
      if (!('packet' in at)) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    (await arrived).remove();
    for (const track of stream.getTracks()) track.stop();
    sender.close();
    receiver.close();
    return {
      connected: at.connected - at.start,
      packet: at.packet - at.start,
      frame: at.frame - at.start,
    };
  };
})();
