// Drives strophe.js, the XMPP library inside stock clients, in a page that has loaded it.
//
// Logs in at `url` (https: BOSH, wss: WebSocket), pings, sends itself a long message, loses its
// socket where it has one, resumes, and reports how that went.
async ([url, domain]) => {
  const { Strophe, $iq, $msg } = window;
  const { Status } = Strophe;
  let kept = null;
  const storage = {
    load: () => kept,
    save: (_key, state) => {
      kept = state;
    },
    clear: () => {
      kept = null;
    },
  };
  const connection = new Strophe.Connection(url, {
    mechanisms: [Strophe.SASLAnonymous],
    enableStreamManagement: true,
    streamManagement: { storage },
  });

  const connected = () =>
    new Promise((resolve, reject) => {
      connection.connect(domain, "", (status, condition) => {
        if (status === Status.CONNECTED) resolve();
        if ([Status.CONNFAIL, Status.AUTHFAIL, Status.ERROR].includes(status)) {
          reject(new Error(`status ${status}: ${condition}`));
        }
      });
    });
  const ping = () =>
    new Promise((resolve, reject) => {
      const request = $iq({ type: "get", to: domain, id: connection.getUniqueId() });
      request.c("ping", { xmlns: "urn:xmpp:ping" });
      connection.sendIQ(request, () => resolve(true), reject, 10_000);
    });
  const echo = (words) =>
    new Promise((resolve) => {
      const heard = (message) => {
        resolve(message.getElementsByTagName("body")[0].textContent.length);
        return false;
      };
      connection.addHandler(heard, null, "message");
      connection.send($msg({ to: connection.jid, type: "chat" }).c("body").t(words));
    });

  const report = {};
  await connected();
  report.jid = connection.jid;
  report.pinged = await ping();
  report.echoed = await echo("x".repeat(20_000));
  report.burst = (await Promise.all(Array.from({ length: 30 }, ping))).length;
  if (url.startsWith("wss:")) {
    connection._doDisconnect(); // the socket is gone, without a farewell
    connection.service = `${url}?previd=${kept.id}`;
    await connected();
    report.resumed = connection.hasResumed();
    report.again = connection.jid;
    report.pingedAgain = await ping();
  }
  const gone = new Promise((resolve) => {
    connection.connect_callback = (status) => status === Status.DISCONNECTED && resolve(true);
  });
  connection.disconnect("done");
  report.closed = await gone;
  return report;
}
