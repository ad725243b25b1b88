/** The list of who was here, from when to when, as a table for spreadsheets. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { conference, meeting } from "../app";
import { Icon } from "../icons";
import { t } from "../language";

export function SaveAttendance(): JSX.Element {
  const isLoading = useSignal(false);
  const load = async (): Promise<void> => {
    isLoading.value = true;
    const table = await meeting.value?.attendance.table();
    isLoading.value = false;
    if (!table) {
      meeting.value?.notice("attendance-failed");
      return;
    }
    const href = URL.createObjectURL(table);
    const link = document.createElement("a");
    link.href = href;
    link.download = `${conference.value.room}.csv`;
    link.click();
    // The browser reads it after the click.
    window.setTimeout(() => URL.revokeObjectURL(href), 60_000);
  };
  return (
    <button
      type="button"
      class="button"
      data-testid="attendance"
      disabled={isLoading.value}
      onClick={() => void load()}
    >
      <Icon name="download" />
      {t("control.attendanceSave")}
    </button>
  );
}
