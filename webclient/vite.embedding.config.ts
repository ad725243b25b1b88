import { defineConfig } from "vite";

// The script other sites load; it lands beside the page, under a name that never changes.
export default defineConfig({
  publicDir: false,
  build: {
    outDir: "../src/tertulia/web/static",
    emptyOutDir: false,
    target: "es2020",
    lib: {
      entry: "src/embedding/external-api.ts",
      name: "tertuliaExternalApi",
      formats: ["iife"],
      fileName: () => "external_api.js",
    },
  },
});
