/** The one icon set, drawn inline so that nothing is fetched and the text colour is used. */
import {
  ArrowDownToLine,
  ArrowRight,
  ArrowUpFromLine,
  Blend,
  Check,
  ChevronDown,
  ChevronLeft,
  ChevronRight,
  CircleAlert,
  CircleOff,
  Columns2,
  Copy,
  Cpu,
  Ellipsis,
  EllipsisVertical,
  EyeOff,
  Hand,
  Hourglass,
  Image as ImageIcon,
  Info,
  Keyboard,
  LayoutGrid,
  LayoutPanelLeft,
  LayoutTemplate,
  List,
  Maximize,
  MessageSquare,
  Mic,
  MicOff,
  Minimize,
  MonitorUp,
  MonitorX,
  PanelTop,
  PhoneOff,
  PictureInPicture2,
  Pin,
  PinOff,
  RefreshCw,
  Route,
  SendHorizontal,
  Settings,
  ShieldCheck,
  ShieldHalf,
  Signal,
  SignalMedium,
  Smile,
  Spotlight,
  TriangleAlert,
  User,
  UserMinus,
  UserPlus,
  Users,
  Video,
  VideoOff,
  Volume2,
  X,
} from "lucide";
import { h, type JSX } from "preact";

const ICONS = {
  "arrow-right": ArrowRight,
  check: Check,
  "chevron-down": ChevronDown,
  "chevron-left": ChevronLeft,
  "chevron-right": ChevronRight,
  alert: CircleAlert,
  copy: Copy,
  ellipsis: Ellipsis,
  "ellipsis-vertical": EllipsisVertical,
  busy: Hourglass,
  downlink: ArrowDownToLine,
  uplink: ArrowUpFromLine,
  hand: Hand,
  info: Info,
  keyboard: Keyboard,
  tiles: LayoutGrid,
  list: List,
  maximize: Maximize,
  chat: MessageSquare,
  mic: Mic,
  "mic-off": MicOff,
  minimize: Minimize,
  share: MonitorUp,
  "share-stop": MonitorX,
  stage: PanelTop,
  layout: LayoutTemplate,
  off: CircleOff,
  blur: Blend,
  processor: Cpu,
  detour: Route,
  image: ImageIcon,
  "layout-auto": LayoutPanelLeft,
  beside: Columns2,
  "hide-self": EyeOff,
  "pop-out": PictureInPicture2,
  spotlight: Spotlight,
  pin: Pin,
  "pin-off": PinOff,
  refresh: RefreshCw,
  send: SendHorizontal,
  settings: Settings,
  direct: ShieldCheck,
  bridged: ShieldHalf,
  signal: Signal,
  "signal-medium": SignalMedium,
  smile: Smile,
  warning: TriangleAlert,
  "user-minus": UserMinus,
  "user-plus": UserPlus,
  people: Users,
  person: User,
  camera: Video,
  "camera-off": VideoOff,
  speaker: Volume2,
  close: X,
  leave: PhoneOff,
} as const;

export type IconName = keyof typeof ICONS;

/** Decoration: the accessible name belongs to the control around it. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {ICONS[name].map(([tag, attrs]) => h(tag, attrs as Record<string, string>))}
    </svg>
  );
}
