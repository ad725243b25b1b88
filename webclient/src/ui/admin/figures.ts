/** Figures in the person's language. */
import { language } from "../language";

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(language.value, { maximumFractionDigits: digits }).format(value);
}

export function percent(share: number): string {
  return new Intl.NumberFormat(language.value, {
    style: "percent",
    maximumFractionDigits: share > 0 && share < 0.1 ? 1 : 0,
  }).format(share);
}

export function rate(bps: number): string {
  const isMega = bps >= 1_000_000;
  return new Intl.NumberFormat(language.value, {
    style: "unit",
    unit: isMega ? "megabit-per-second" : "kilobit-per-second",
    maximumFractionDigits: isMega ? 1 : 0,
  }).format(bps / (isMega ? 1_000_000 : 1000));
}

export function milliseconds(ms: number): string {
  return new Intl.NumberFormat(language.value, {
    style: "unit",
    unit: "millisecond",
    maximumFractionDigits: 0,
  }).format(ms);
}

export function hours(minutes: number): string {
  return number(minutes / 60, minutes < 600 ? 1 : 0);
}

/** Such as "45 min" or "1:05 h". */
export function lasted(minutes: number): string {
  if (minutes >= 60)
    return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")} h`;
  return new Intl.NumberFormat(language.value, {
    style: "unit",
    unit: "minute",
    unitDisplay: "short",
  }).format(minutes);
}

/** Such as "November 2026"; `month` is 2026-11. */
export function monthName(month: string): string {
  return new Intl.DateTimeFormat(language.value, {
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  }).format(new Date(`${month}-15T00:00:00Z`));
}

export function dayName(day: string): string {
  return new Intl.DateTimeFormat(language.value, {
    day: "numeric",
    month: "long",
    timeZone: "UTC",
  }).format(new Date(`${day}T12:00:00Z`));
}
