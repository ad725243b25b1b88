// A camera for pictures: an illustrated person in a room, drawn on a canvas, who moves a little and
// talks. Generated, so that no real face and no one else's picture is in the documents.
(() => {
  const looks = [
    { wall: ["#4a5b7a", "#2b3547"], skin: "#e2b38f", hair: "#3a2a22", shirt: "#c9d4e8" },
    { wall: ["#7a6a58", "#43382e"], skin: "#c68a5e", hair: "#1d1715", shirt: "#2f5d62" },
    { wall: ["#5d7466", "#2f3f37"], skin: "#f0c8a4", hair: "#8a5a2b", shirt: "#8d3b4a" },
    { wall: ["#6d5a78", "#392f42"], skin: "#8f5f3f", hair: "#15110f", shirt: "#d9b44a" },
    { wall: ["#56707a", "#2d3d44"], skin: "#edc3a0", hair: "#b9b4ad", shirt: "#3c4a6b" },
  ];
  const look = looks[(window.__portrait ?? 0) % looks.length];
  const long = (window.__portrait ?? 0) % 2 === 0;
  const camera = (width, height) => {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const pen = canvas.getContext("2d");
    const ellipse = (x, y, w, h, colour) => {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.ellipse(x, y, w, h, 0, 0, 2 * Math.PI);
      pen.fill();
    };
    const draw = (now) => {
      const unit = height / 100;
      const sway = Math.sin(now / 900) * unit;
      const wall = pen.createLinearGradient(0, 0, width, height);
      wall.addColorStop(0, look.wall[0]);
      wall.addColorStop(1, look.wall[1]);
      pen.fillStyle = wall;
      pen.fillRect(0, 0, width, height);
      pen.fillStyle = "rgb(255 255 255 / 7%)";
      pen.fillRect(width * 0.07, height * 0.1, width * 0.2, height * 0.42);
      pen.fillStyle = "rgb(0 0 0 / 16%)";
      for (let shelf = 0; shelf < 3; shelf += 1) {
        pen.fillRect(width * 0.74, height * (0.2 + shelf * 0.2), width * 0.22, unit * 1.6);
      }
      const x = width / 2 + sway;
      const y = 46 * unit;
      if (long) ellipse(x, y + 8 * unit, 22 * unit, 32 * unit, look.hair);
      ellipse(x, 112 * unit, 46 * unit, 36 * unit, look.shirt);
      pen.fillStyle = look.skin;
      pen.fillRect(x - 7 * unit, y + 14 * unit, 14 * unit, 20 * unit);
      ellipse(x, y - 4 * unit, 19.5 * unit, 23 * unit, look.hair);
      ellipse(x, y + 2 * unit, 16.5 * unit, 21 * unit, look.skin);
      ellipse(x - 5 * unit, y - 16 * unit, 13 * unit, 6.5 * unit, look.hair);
      const lids = now % 4100 < 130 ? 0.3 : 1.7;
      for (const side of [-1, 1]) {
        ellipse(x + side * 6.4 * unit, y - 1 * unit, 1.7 * unit, lids * unit, "#2a211d");
      }
      ellipse(x, y + 12 * unit, 5 * unit, (1 + 1.2 * Math.abs(Math.sin(now / 140))) * unit, "#8c4a44");
      setTimeout(() => draw(performance.now()), 100);
    };
    draw(0);
    return canvas.captureStream(10);
  };
  const devices = navigator.mediaDevices;
  const original = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wishes) => {
    const stream = await original(wishes);
    if (!wishes.video) return stream;
    for (const track of stream.getVideoTracks()) {
      track.stop();
      stream.removeTrack(track);
    }
    stream.addTrack(camera(1280, 720).getVideoTracks()[0]);
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
