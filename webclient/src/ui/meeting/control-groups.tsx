/** Working in groups: make them, put people in, open, speak to all, call back. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { groups, mainRoom } from "../../conference/state/breakouts";
import type { BreakoutOrder, BreakoutPerson, BreakoutRoom } from "../../protocol/breakouts";
import { conference, meeting } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { GroupsOpen } from "./control-groups-open";
import { displayNameOf } from "./names";
import { Switch } from "./switch";

function order(what: BreakoutOrder): void {
  meeting.value?.groups.order(what);
}

/** Where a person is meant to be: an address, empty when nowhere. */
function planOf(person: BreakoutPerson, rooms: readonly BreakoutRoom[]): string {
  return rooms.find((room) => room.assigned.includes(person.id))?.jid ?? "";
}

export function GroupsControl(): JSX.Element {
  const { breakouts } = conference.value;
  const all = groups(breakouts);
  if (all.length === 0) return <MakeGroups />;
  const people = breakouts.plan.rooms.flatMap((room) => room.people);
  const unplanned = (mainRoom(breakouts)?.people ?? []).filter(
    (person) => planOf(person, all) === "",
  );
  return (
    <div class="groups" data-testid="groups">
      {unplanned.length > 0 && (
        <DropZone room="" title={t("groups.unassigned", { count: unplanned.length })}>
          {unplanned.map((person) => (
            <GroupPerson key={person.id} person={person} rooms={all} />
          ))}
        </DropZone>
      )}
      {all.map((room) => (
        <Group key={room.jid} room={room} rooms={all} people={people} />
      ))}
      <div class="control-buttons">
        <button
          type="button"
          class="button"
          data-testid="group-add"
          onClick={() => order({ kind: "add", name: t("groups.name", { number: all.length + 1 }) })}
        >
          <Icon name="plus" />
          {t("groups.add")}
        </button>
        <button
          type="button"
          class="button"
          data-testid="group-shuffle"
          onClick={() => order({ kind: "shuffle" })}
        >
          <Icon name="shuffle" />
          {t("groups.shuffle")}
        </button>
      </div>
      <GroupsFree />
      <GroupsOpen />
    </div>
  );
}

/** Of interest while people have to ask here: in groups they mostly shall talk. */
function GroupsFree(): JSX.Element | null {
  const { metadata, speech } = conference.value.rules;
  const hasToAsk = Object.values(speech).some((each) => each.isOn);
  if (!hasToAsk && !metadata.areGroupsFree) return null;
  return (
    <Switch
      label={t("groups.free")}
      detail={t("groups.freeDetail")}
      testId="groups-free"
      isOn={metadata.areGroupsFree}
      onSwitch={(on) => meeting.value?.moderation.setGroupsFree(on)}
    />
  );
}

function MakeGroups(): JSX.Element {
  const count = useSignal(2);
  return (
    <form
      class="who-may"
      onSubmit={(event) => {
        event.preventDefault();
        for (let number = 1; number <= count.value; number++) {
          order({ kind: "add", name: t("groups.name", { number }) });
        }
      }}
    >
      <label for="group-count">{t("groups.howMany")}</label>
      <div class="choice-row">
        <input
          id="group-count"
          class="field number"
          type="number"
          min={1}
          max={50}
          data-testid="group-count"
          value={count.value}
          onInput={(event) => {
            count.value = Math.min(50, Math.max(1, event.currentTarget.valueAsNumber || 1));
          }}
        />
        <button type="submit" class="button" data-testid="group-make">
          {t("groups.make")}
        </button>
      </div>
    </form>
  );
}

function DropZone({
  room,
  title,
  children,
}: {
  room: string;
  title: JSX.Element | string;
  children: JSX.Element | JSX.Element[];
}): JSX.Element {
  const isOver = useSignal(false);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the menu of each person does the same
    <section
      class="group"
      data-testid="group"
      data-over={isOver.value}
      onDragOver={(event) => {
        event.preventDefault();
        isOver.value = true;
      }}
      onDragLeave={() => {
        isOver.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        isOver.value = false;
        const realJid = event.dataTransfer?.getData("text/x-person") ?? "";
        if (realJid !== "") assign(realJid, room);
      }}
    >
      {typeof title === "string" ? <h4>{title}</h4> : title}
      <ul>{children}</ul>
    </section>
  );
}

/** While the rooms are open, whoever is planned goes at once; else when they open. */
function assign(realJid: string, roomJid: string): void {
  order({ kind: "assign", realJid, roomJid });
}

function Group({
  room,
  rooms,
  people,
}: {
  room: BreakoutRoom;
  rooms: readonly BreakoutRoom[];
  people: readonly BreakoutPerson[];
}): JSX.Element {
  const inside = new Set(room.people.map((person) => person.id));
  const planned = people.filter((person) => room.assigned.includes(person.id));
  const shown = [...room.people, ...planned.filter((person) => !inside.has(person.id))];
  return (
    <DropZone
      room={room.jid}
      title={
        <div class="group-head">
          <input
            class="field group-name"
            data-testid="group-name"
            maxLength={80}
            aria-label={t("groups.rename", { name: room.name })}
            // A new name from the server is a new field; what is being typed stays.
            key={room.name}
            defaultValue={room.name}
            onChange={(event) => {
              const name = event.currentTarget.value.trim();
              if (name !== "" && name !== room.name) {
                order({ kind: "rename", roomJid: room.jid, name });
              }
            }}
          />
          <button
            type="button"
            class="button quiet square"
            data-testid="group-visit"
            aria-label={t("groups.visit", { name: room.name })}
            title={t("groups.visit", { name: room.name })}
            onClick={() => meeting.value?.moveTo(room.jid)}
          >
            <Icon name="log-in" />
          </button>
          <button
            type="button"
            class="button quiet square"
            data-testid="group-remove"
            aria-label={t("groups.remove", { name: room.name })}
            title={t("groups.remove", { name: room.name })}
            onClick={() => order({ kind: "remove", roomJid: room.jid })}
          >
            <Icon name="trash" />
          </button>
        </div>
      }
    >
      {shown.length === 0 ? (
        <li class="label">{t("groups.empty")}</li>
      ) : (
        shown.map((person) => (
          <GroupPerson
            key={person.id}
            person={person}
            rooms={rooms}
            isThere={inside.has(person.id)}
          />
        ))
      )}
    </DropZone>
  );
}

function GroupPerson({
  person,
  rooms,
  isThere = false,
}: {
  person: BreakoutPerson;
  rooms: readonly BreakoutRoom[];
  isThere?: boolean;
}): JSX.Element {
  const name = displayNameOf(person.name);
  return (
    <li
      class="group-person"
      data-testid="group-person"
      data-name={person.name}
      data-there={isThere}
      draggable
      onDragStart={(event) => event.dataTransfer?.setData("text/x-person", person.realJid)}
    >
      <span class="group-person-name" title={isThere ? t("groups.isThere") : undefined}>
        {isThere && <Icon name="check" />}
        {name}
      </span>
      <select
        class="field small-field"
        data-testid="group-assign"
        aria-label={t("groups.assign", { name })}
        value={planOf(person, rooms)}
        onChange={(event) => assign(person.realJid, event.currentTarget.value)}
      >
        <option value="">{t("groups.none")}</option>
        {rooms.map((room) => (
          <option key={room.jid} value={room.jid}>
            {room.name}
          </option>
        ))}
      </select>
    </li>
  );
}
