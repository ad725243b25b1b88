/** Where to click in this very browser when it blocks camera or microphone. */
import type { JSX } from "preact";
import { t } from "../language";

type Browser = "chromium" | "firefox" | "safari";

export function browserOf(userAgent: string): Browser {
  if (/firefox|fxios/i.test(userAgent)) return "firefox";
  if (/safari/i.test(userAgent) && !/chrom(e|ium)|crios|edg/i.test(userAgent)) return "safari";
  return "chromium";
}

export function PermissionHelp(): JSX.Element {
  const browser = browserOf(navigator.userAgent);
  return (
    <figure class="permission-help">
      <svg viewBox="0 0 320 44" role="img" aria-label={t("device.help.picture")}>
        <rect class="bar" x="1" y="1" width="318" height="42" rx="21" />
        <circle class="mark" cx="26" cy="22" r="16" />
        {browser === "firefox" ? (
          <g class="sign">
            <rect x="18" y="17" width="11" height="10" rx="2" />
            <path d="M29 21l6-3v8l-6-3M17 30L35 14" />
          </g>
        ) : (
          <g class="sign">
            <path d="M18 17.500h8M32 17.500h2M18 26.500h2M26 26.500h8" />
            <circle cx="29" cy="17.500" r="2.500" />
            <circle cx="23" cy="26.500" r="2.500" />
          </g>
        )}
        <text x="54" y="27">
          {window.location.host}
        </text>
      </svg>
      <figcaption>{t(`device.help.${browser}`)}</figcaption>
    </figure>
  );
}
