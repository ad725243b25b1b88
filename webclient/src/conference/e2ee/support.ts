/** Whether this browser can encrypt end to end: it must let a worker at the encoded frames. */
export function canEncrypt(scope: object = globalThis): boolean {
  const { RTCRtpScriptTransform, RTCRtpSender: Sender } = scope as {
    RTCRtpScriptTransform?: unknown;
    RTCRtpSender?: { prototype: object };
  };
  if (typeof crypto === "undefined" || !crypto.subtle || typeof Worker === "undefined")
    return false;
  return (
    RTCRtpScriptTransform !== undefined ||
    (Sender !== undefined && "createEncodedStreams" in Sender.prototype)
  );
}
