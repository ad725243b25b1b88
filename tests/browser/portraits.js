// A camera for pictures: an illustrated person in a room, drawn on a canvas, who moves a little and
// talks. Generated, so that no real face and no one else's picture is in the documents.
// window.__portrait says which of the people it shows, from 0. With window.__still (milliseconds) nobody
// moves and only who has window.__speaks is heard, so that the same picture can be made again.
(() => {
  const people = [
    { room: "window", wall: "#5a6b8c", skin: "#e8bd9a", hair: "#3a2a22", style: "long", shirt: "#c9d4e8" },
    { room: "books", wall: "#8a7762", skin: "#c58b62", hair: "#1d1715", style: "short", shirt: "#2f5d62", beard: true },
    { room: "plant", wall: "#6f8a78", skin: "#f1cdac", hair: "#93602f", style: "bun", shirt: "#8d3b4a", glasses: true },
    { room: "picture", wall: "#7a668a", skin: "#8c5c3e", hair: "#17110f", style: "curls", shirt: "#d9b44a" },
    { room: "books", wall: "#5f7c88", skin: "#eec6a5", hair: "#c2bcb4", style: "short", shirt: "#3c4a6b", glasses: true },
    { room: "plant", wall: "#93806b", skin: "#d9a27a", hair: "#241c1a", style: "long", shirt: "#486b4f" },
    { room: "window", wall: "#6a7480", skin: "#f3d3b6", hair: "#d9b26a", style: "short", shirt: "#6a4a72" },
    { room: "picture", wall: "#84736a", skin: "#a9714c", hair: "#2b201b", style: "bald", shirt: "#e3ded4", beard: true },
    { room: "window", wall: "#5c7a70", skin: "#6f4630", hair: "#120d0c", style: "bun", shirt: "#c8643c" },
    { room: "books", wall: "#76627a", skin: "#edc2a2", hair: "#7d2f1c", style: "curls", shirt: "#33566b", glasses: true },
  ];
  const number = window.__portrait ?? 0;
  const me = people[number % people.length];
  const shade = (colour, by) => `color-mix(in srgb, ${colour}, ${by > 0 ? "#fff" : "#000"} ${Math.abs(by)}%)`;

  const paint = (pen, width, height, now) => {
    const unit = height / 100;
    const box = (x, y, w, h, colour, round = 0) => {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.roundRect(x * unit, y * unit, w * unit, h * unit, round * unit);
      pen.fill();
    };
    const round = (x, y, w, h, colour, from = 0, to = 2 * Math.PI) => {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.ellipse(x * unit, y * unit, w * unit, h * unit, 0, from, to);
      pen.fill();
    };
    const line = (colour, thick, draw) => {
      pen.strokeStyle = colour;
      pen.lineWidth = thick * unit;
      pen.lineCap = "round";
      pen.beginPath();
      draw();
      pen.stroke();
    };

    const right = width / unit;
    const light = pen.createLinearGradient(0, 0, width, height);
    light.addColorStop(0, shade(me.wall, 14));
    light.addColorStop(1, shade(me.wall, -38));
    pen.fillStyle = light;
    pen.fillRect(0, 0, width, height);
    if (me.room === "window") {
      box(9, 8, 34, 48, shade(me.wall, 40), 1);
      box(11, 10, 14.5, 44, "#cfe0ea", 0.6);
      box(27, 10, 14, 44, "#dbe8ee", 0.6);
    } else if (me.room === "books") {
      for (const shelf of [0, 1, 2]) {
        const y = 16 + shelf * 24;
        for (let book = 0; book < 9; book += 1) {
          const tall = 12 + ((book * 7 + shelf * 5) % 6);
          const hue = (book * 47 + shelf * 80 + number * 60) % 360;
          box(right - 46 + book * 4.6, y + 18 - tall, 3.8, tall, `hsl(${hue} 22% ${34 + ((book * 13) % 22)}%)`, 0.4);
        }
        box(right - 48, y + 18, 46, 1.6, shade(me.wall, -50));
      }
    } else if (me.room === "plant") {
      for (const leaf of [-42, -20, 0, 22, 44]) {
        pen.save();
        pen.translate((right - 24) * unit, 64 * unit);
        pen.rotate((leaf * Math.PI) / 180);
        round(0, -16, 4.2, 17, leaf % 4 ? "#4f7a52" : "#3f6845");
        pen.restore();
      }
      box(right - 31, 62, 14, 18, "#b9714f", 2);
    } else {
      box(right - 50, 12, 36, 28, shade(me.wall, -48), 1);
      box(right - 48, 14, 32, 24, "#e9dfc9", 0.6);
      round(right - 38, 30, 9, 9, "#c77b52", Math.PI);
      round(right - 25, 30, 7, 7, "#5f8791", Math.PI);
    }

    const sway = Math.sin(now / 900 + number) * 0.8;
    const x = right / 2 + sway;
    const nod = Math.sin(now / 1300 + number * 2) * 0.4;
    const y = 47 + nod;
    const dark = shade(me.skin, -16);
    if (me.style === "long") {
      round(x, y + 4, 21.5, 28, me.hair);
      box(x - 21, y + 4, 42, 34, me.hair, 8);
    }
    if (me.style === "bun") round(x, y - 27, 9, 8, me.hair);
    if (me.style === "curls") {
      for (let curl = 0; curl < 13; curl += 1) {
        const angle = Math.PI * (0.86 + (curl / 12) * 1.28);
        round(x + Math.cos(angle) * 17, y - 3 + Math.sin(angle) * 21, 7.4, 7.4, me.hair);
      }
    }
    round(x, 116, 45, 38, me.shirt);
    box(x - 7.5, y + 14, 15, 24, dark, 6);
    round(x, y + 34, 11, 7, shade(me.shirt, -14));
    round(x, y + 32, 8.4, 6, dark);
    for (const side of [-1, 1]) round(x + side * 16.6, y + 3, 3, 4.4, dark);
    if (me.style !== "bald") round(x, y - 4, 18.4, 22, me.hair);
    round(x, y + 2, 16.4, 21, me.skin);
    if (me.style === "bald") round(x, y - 6, 16.2, 15.4, me.skin);
    else if (me.style === "short" || me.style === "curls") round(x - 2, y - 16, 15, 6.4, me.hair);
    else {
      round(x - 7, y - 14.5, 11.5, 6.6, me.hair);
      round(x + 8, y - 15, 10.5, 6.4, me.hair);
    }
    if (me.beard) {
      round(x, y + 13, 13.6, 11, me.hair, 0, Math.PI);
      box(x - 13.6, y + 9, 27.2, 4.4, me.hair, 2);
      round(x, y + 8.6, 12, 4, me.skin);
    }
    for (const side of [-1, 1]) round(x + side * 9.4, y + 7.6, 3.4, 2.2, "rgb(214 92 80 / 16%)");

    const isBlinking = (now + number * 700) % 4100 < 130;
    for (const side of [-1, 1]) {
      const eye = x + side * 6.6;
      if (isBlinking) line("#2a211d", 0.8, () => pen.arc(eye * unit, (y - 1) * unit, 2 * unit, 0.2, Math.PI - 0.2));
      else {
        round(eye, y - 0.4, 2.7, 2.1, "#fdfbf8");
        round(eye + sway * 0.3, y - 0.4, 1.6, 1.8, "#3a2a20");
        round(eye + 0.6, y - 1, 0.5, 0.5, "#fff");
      }
      line(me.style === "bald" ? "#2b201b" : shade(me.hair, -20), 1, () => {
        pen.moveTo((eye - 3) * unit, (y - 4.4 - (side < 0 ? -0.4 : 0.4)) * unit);
        pen.quadraticCurveTo(eye * unit, (y - 6) * unit, (eye + 3) * unit, (y - 4.4 + (side < 0 ? -0.4 : 0.4)) * unit);
      });
    }
    line(shade(me.skin, -26), 0.9, () => {
      pen.moveTo((x + 0.4) * unit, (y + 1.5) * unit);
      pen.quadraticCurveTo((x + 2.6) * unit, (y + 6) * unit, (x - 0.6) * unit, (y + 6.4) * unit);
    });
    const open = 0.5 + 1.7 * Math.abs(Math.sin(now / 170 + number)) * (Math.sin(now / 1100 + number) > 0 ? 1 : 0.15);
    pen.fillStyle = "#7a2f33";
    pen.beginPath();
    pen.moveTo((x - 5) * unit, (y + 10.6) * unit);
    pen.quadraticCurveTo(x * unit, (y + 11.6) * unit, (x + 5) * unit, (y + 10.6) * unit);
    pen.quadraticCurveTo(x * unit, (y + 12.4 + open * 1.6) * unit, (x - 5) * unit, (y + 10.6) * unit);
    pen.fill();
    if (me.glasses) {
      for (const side of [-1, 1]) {
        line("#2b2f3a", 0.9, () => pen.roundRect((x + side * 6.8 - 4.6) * unit, (y - 3.8) * unit, 9.2 * unit, 7.4 * unit, 3 * unit));
      }
      line("#2b2f3a", 0.9, () => {
        pen.moveTo((x - 2.2) * unit, (y - 1) * unit);
        pen.lineTo((x + 2.2) * unit, (y - 1) * unit);
      });
    }
  };

  const camera = (width, height) => {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const pen = canvas.getContext("2d");
    const draw = (now) => {
      paint(pen, width, height, window.__still ?? now);
      setTimeout(() => draw(performance.now()), 100);
    };
    draw(0);
    return canvas.captureStream(10);
  };
  // Somebody who goes on saying "ah", or nothing.
  const voice = () => {
    const context = new AudioContext();
    const output = context.createMediaStreamDestination();
    const loudness = context.createGain();
    loudness.gain.value = window.__speaks ? 0.4 : 0;
    for (const [hertz, share] of [[140, 1], [280, 0.6], [420, 0.4], [700, 0.5], [1120, 0.3]]) {
      const tone = context.createOscillator();
      const part = context.createGain();
      tone.frequency.value = hertz;
      part.gain.value = share / 3;
      tone.connect(part).connect(loudness);
      tone.start();
    }
    loudness.connect(output);
    return output.stream.getAudioTracks();
  };
  const replace = (stream, before, after) => {
    for (const track of before) {
      track.stop();
      stream.removeTrack(track);
    }
    for (const track of after) stream.addTrack(track);
  };
  const devices = navigator.mediaDevices;
  const original = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wishes) => {
    const stream = await original(wishes);
    if (wishes.video) replace(stream, stream.getVideoTracks(), camera(1280, 720).getVideoTracks());
    if (wishes.audio && window.__still !== undefined) replace(stream, stream.getAudioTracks(), voice());
    return stream;
  };
  // What is shared is a page of slides.
  devices.getDisplayMedia = async () => {
    const canvas = document.createElement("canvas");
    canvas.width = 1280;
    canvas.height = 720;
    const pen = canvas.getContext("2d");
    const draw = (step) => {
      pen.fillStyle = "#fbfaf6";
      pen.fillRect(0, 0, 1280, 720);
      pen.fillStyle = "#23306b";
      pen.font = "600 56px sans-serif";
      pen.fillText("What the council decided", 80, 130);
      pen.fillRect(80, 158, 120, 6);
      pen.fillStyle = "#333";
      pen.font = "34px sans-serif";
      const lines = ["The library opens on Saturdays", "Two places for new doctorates", "Next meeting: 12 March"];
      lines.forEach((line, index) => {
        pen.fillText(`${index + 1}.  ${line}`, 80, 260 + index * 70);
      });
      const bars = [0.35, 0.5, 0.62, 0.9];
      bars.forEach((share, index) => {
        pen.fillStyle = index === 3 ? "#3f51d6" : "#b9c1ee";
        pen.fillRect(860 + index * 90, 600 - share * 330, 62, share * 330);
      });
      pen.fillStyle = "#999";
      pen.fillText(step % 2 ? "2 / 9" : "2 / 9 ", 1160, 680);
      setTimeout(() => draw(step + 1), 200);
    };
    draw(0);
    return canvas.captureStream(5);
  };
})();
