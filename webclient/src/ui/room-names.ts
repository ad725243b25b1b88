/** Names for rooms: three pleasant words in the person's language. */
import type { Language } from "./language";

/** Noun, and two adjectives that agree with it; plain letters only, they become part of a link. */
const WORDS: Readonly<Record<Language, readonly [string, string, string]>> = {
  en: [
    "amber brave breezy bright calm clear cosy crisp early easy fair fresh gentle golden good happy honest jolly kind late light lively lucky lunar mellow merry mild nimble noble open patient proud quick quiet rosy silver simple smooth snowy soft solar still sunny swift tidy warm wide wild wise young",
    "autumn blue cherry cinnamon copper coral cotton crimson crystal daisy desert evening forest garden ginger green harbour hazel honey island ivory jasmine lavender lemon lilac linen maple marble meadow mint misty morning mountain ocean olive orange orchard pearl pepper plum purple river saffron sandy sapphire scarlet summer velvet violet winter",
    "acorn bear bee bell bridge brook candle cat cloud comet dolphin falcon feather fern fiddle finch fox garden heron hill kite lake lantern leaf lion lark meadow moon oak otter owl path pebble piano pine planet poppy rain robin sail shell sparrow star stone swan tea thistle tree tulip wave willow",
  ],
  es: [
    "abeja alondra amapola arena ballena barca brisa campana canela carta casa cereza cometa concha corriente estrella flor fuente garza gaviota golondrina hoja isla jirafa lavanda linterna luna lluvia manzana mariposa menta montana naranja nube ola oliva orilla paloma pera pluma pradera primavera rama ribera rosa sandia selva senda tarde vela",
    "alegre amable ancha antigua audaz azul blanca bonita breve brillante buena calida callada celeste cercana clara cordial curiosa discreta dorada dulce fiel firme fresca grande honda joven larga ligera limpia llana lozana nueva noble pequena plateada pura quieta redonda risuena rosada sabia segura serena simple suave tibia tierna verde viva",
    "afable afinada airosa amena apacible atenta bella bienvenida bordada breve cantarina cierta constante cuidada despierta despejada elegante encantada errante escondida feliz florida fragante generosa gentil graciosa infinita inquieta intensa lejana lenta libre luminosa madura matutina musical nevada otonal paciente perfumada primera radiante sencilla silvestre soleada sonora tranquila unica veloz viajera",
  ],
  fr: [
    "abeille alouette amande aube avoine baie barque brise brume cabane cannelle cascade cerise cigale clairiere cloche colline comete etoile fleur foret fontaine framboise goutte hirondelle ile lanterne lavande lune mer mesange montagne mousse neige noisette orange page pervenche plage plume pomme prairie riviere rose source tortue tulipe vague vallee voile",
    "agile aimable alerte ample azur belle blanche blonde bonne brave calme celeste chaude claire courte curieuse discrete docile doree douce drole egale fidele fine franche fraiche gaie grande habile haute jeune jolie juste large legere lente libre longue neuve noble paisible petite pure rapide ronde rose sage sereine simple souple verte vive",
    "aerienne allegre amicale amusante apaisee argentee attentive boreale brillante chantante charmante chaleureuse confiante courageuse cristalline delicate elegante enchantee ensoleillee eternelle etoilee exquise feconde fleurie genereuse gracieuse harmonieuse heureuse joyeuse limpide lointaine lumineuse malicieuse matinale melodieuse musicale parfumee patiente poetique precieuse printaniere radieuse rieuse sauvage secrete sonore sucree tendre tranquille voyageuse",
  ],
  it: [
    "alba allodola ape arancia barca brezza campana cannella capanna cascata chiocciola ciliegia collina cometa conchiglia farfalla felce fiaba foglia foresta fontana fragola gazza goccia isola lanterna lavanda lettera luna mela menta montagna neve nuvola oliva onda pagina pesca pioggia piuma primavera quercia radura riva rondine rosa sera stella valle vela",
    "agile alta amica ampia antica attenta azzurra bella bianca brava breve buona calda calma cara chiara corta curiosa dolce dorata facile fedele felice fina franca fresca gaia gentile giovane grande larga leale lenta leggera libera lieta limpida lunga mite nobile nuova piccola pura rapida rosa saggia serena snella verde viva",
    "affabile allegra amabile ariosa armoniosa argentata beata brillante cantante celeste cordiale cortese costante delicata discreta elegante errante fiorita fragrante generosa gioiosa graziosa incantata infinita intensa lontana luminosa magica matura mattutina melodiosa musicale nevosa paziente poetica preziosa prima profumata quieta radiosa ridente segreta semplice sincera soave solare sonora tenera tranquilla viaggiante",
  ],
};

/** Random, readable, and with one in 125 000 chance of meeting somebody by accident. */
export function suggestRoomName(
  language: Language,
  random: (below: number) => number = randomBelow,
): string {
  return WORDS[language]
    .map((words) => {
      const list = words.split(" ");
      return list[random(list.length)]!;
    })
    .join("-");
}

function randomBelow(below: number): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! % below;
}

const COMMON = new Set(
  "test prueba prova essai meeting reunion riunione room sala salle stanza team equipo squadra equipe demo hello hola ciao bonjour familia family famille famiglia class clase classe work trabajo call chat default admin home casa maison daily standup weekly".split(
    " ",
  ),
);

/** True for names a stranger would try: short ones, single common words, plain numbers. */
export function isGuessable(name: string): boolean {
  const plain = name
    .trim()
    .toLowerCase()
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "");
  if (plain === "") return false;
  const letters = plain.replace(/[^\p{L}\p{N}]/gu, "");
  const stem = letters.replace(/\d+$/, "");
  return letters.length < 9 || stem === "" || COMMON.has(stem) || /^(.)\1+$/.test(letters);
}

/** What was typed or pasted, as a room name: the last part of a link, or the words themselves. */
export function roomFromInput(input: string): string {
  const trimmed = input.trim();
  const path = /^[a-z]+:\/\/[^/]+\/([^?#]*)/i.exec(trimmed)?.[1];
  const last =
    (path ?? trimmed)
      .split("/")
      .filter((part) => part !== "")
      .at(-1) ?? "";
  let plain = last;
  try {
    plain = decodeURIComponent(last);
  } catch {
    // A lone percent sign is a character like any other.
  }
  return plain.trim().replace(/\s+/g, "-").toLowerCase();
}
