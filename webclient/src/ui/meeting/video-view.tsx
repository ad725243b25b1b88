/** Shows one track. The element stays while tracks change, so that nothing flickers. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

export interface VideoViewProps {
  readonly track: MediaStreamTrack | null;
  readonly isMirrored?: boolean;
  readonly isContained?: boolean;
  readonly label: string;
}

export function VideoView({ track, isMirrored, isContained, label }: VideoViewProps): JSX.Element {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = element.current;
    if (!video) return;
    video.srcObject = track ? new MediaStream([track]) : null;
    // Refused only while the page is hidden or going away; the element starts again by itself.
    if (track) video.play().catch(() => undefined);
  }, [track]);
  return (
    <video
      ref={element}
      class="video"
      autoplay
      playsInline
      muted
      disablePictureInPicture
      aria-label={label}
      data-mirrored={isMirrored ? "true" : undefined}
      data-contained={isContained ? "true" : undefined}
    />
  );
}
