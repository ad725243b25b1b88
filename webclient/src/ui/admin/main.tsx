/** The page for administrators begins here; it shares nothing with a meeting but words and looks. */
import { effect } from "@preact/signals";
import { render } from "preact";
import { startLanguage, t } from "../language";
import { AdminPage } from "./admin-page";
import { begin, site } from "./state";
import "../styles/tokens.css";
import "../styles/base.css";
import "../styles/pages.css";
import "../styles/admin.css";

async function start(): Promise<void> {
  await startLanguage();
  effect(() => {
    document.title = `${t("admin.title")} · ${site.siteName}`;
  });
  begin();
  render(<AdminPage />, document.querySelector("#app")!);
}

void start();
