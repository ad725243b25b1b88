// Says so when a browser is too old, in words that any browser understands: the page itself would
// stay empty or lose its colours there. The newest of what it cannot do without stands for the rest.
(function () {
  var isEnough =
    "noModule" in document.createElement("script") &&
    typeof RTCPeerConnection === "function" &&
    typeof CSS !== "undefined" &&
    CSS.supports("color", "light-dark(#000, #fff)");
  if (isEnough) return;
  document.getElementById("app").setAttribute("hidden", "");
  document.getElementById("too-old").removeAttribute("hidden");
})();
