import { defineConfig } from "vitest/config";

// The build is packed into the Python wheel from there; it is not kept in git.
export default defineConfig({
  base: "/",
  build: {
    outDir: "../src/tertulia/web/static",
    emptyOutDir: true,
    target: "es2022",
    // light-dark() must reach the browser as it is: the meeting page switches it by color-scheme.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // The Content-Security-Policy allows no inline anything, so no asset may become a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "admin.html"] },
  },
  server: {
    port: 5173,
    proxy: {
      "/config.js": { target: "https://127.0.0.1:8443", secure: false },
      "/xmpp-websocket": { target: "wss://127.0.0.1:8443", ws: true, secure: false },
      "/colibri-ws": { target: "wss://127.0.0.1:8443", ws: true, secure: false },
    },
  },
  test: {
    include: ["tests/**/*.test.ts", "tests/**/*.test.tsx"],
    environment: "node",
  },
});
