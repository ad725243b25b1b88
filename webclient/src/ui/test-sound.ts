/** Three soft tones on the chosen speaker, made here so that nothing has to be fetched. */
const NOTES_HZ = [523.25, 659.25, 783.99];
const NOTE_S = 0.28;

export async function playTestSound(speaker: string): Promise<void> {
  const context = new AudioContext();
  const target = context.createMediaStreamDestination();
  const player = new Audio();
  player.srcObject = target.stream;
  try {
    if (speaker !== "" && "setSinkId" in player) await player.setSinkId(speaker);
    NOTES_HZ.forEach((frequency, index) => {
      const start = context.currentTime + 0.05 + index * NOTE_S;
      const tone = context.createOscillator();
      const loudness = context.createGain();
      tone.frequency.value = frequency;
      loudness.gain.setValueAtTime(0, start);
      loudness.gain.linearRampToValueAtTime(0.2, start + 0.03);
      loudness.gain.exponentialRampToValueAtTime(0.001, start + NOTE_S * 1.6);
      tone.connect(loudness).connect(target);
      tone.start(start);
      tone.stop(start + NOTE_S * 1.7);
    });
    await player.play();
    await new Promise((resolve) => setTimeout(resolve, NOTES_HZ.length * NOTE_S * 1000 + 400));
  } finally {
    player.pause();
    await context.close();
  }
}
