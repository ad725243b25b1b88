/**
 * The 64 pictures of a comparison code and their names, to be read aloud (Matrix specification, "SAS
 * method: emoji"). The order is part of the protocol.
 */
import type { Language } from "../../language";

type Names = Readonly<Record<Language, string>>;

const TABLE = `
🐶 dog|perro|chien|cane
🐱 cat|gato|chat|gatto
🦁 lion|león|lion|leone
🐎 horse|caballo|cheval|cavallo
🦄 unicorn|unicornio|licorne|unicorno
🐷 pig|cerdo|cochon|maiale
🐘 elephant|elefante|éléphant|elefante
🐰 rabbit|conejo|lapin|coniglio
🐼 panda|panda|panda|panda
🐓 rooster|gallo|coq|gallo
🐧 penguin|pingüino|pingouin|pinguino
🐢 turtle|tortuga|tortue|tartaruga
🐟 fish|pez|poisson|pesce
🐙 octopus|pulpo|pieuvre|polpo
🦋 butterfly|mariposa|papillon|farfalla
🌷 flower|flor|fleur|fiore
🌳 tree|árbol|arbre|albero
🌵 cactus|cactus|cactus|cactus
🍄 mushroom|seta|champignon|fungo
🌏 globe|globo|globe|globo
🌙 moon|luna|lune|luna
☁️ cloud|nube|nuage|nuvola
🔥 fire|fuego|feu|fuoco
🍌 banana|plátano|banane|banana
🍎 apple|manzana|pomme|mela
🍓 strawberry|fresa|fraise|fragola
🌽 corn|maíz|maïs|mais
🍕 pizza|pizza|pizza|pizza
🎂 cake|tarta|gâteau|torta
❤️ heart|corazón|cœur|cuore
🙂 smiley|sonrisa|sourire|sorriso
🤖 robot|robot|robot|robot
🎩 hat|sombrero|chapeau|cappello
👓 glasses|gafas|lunettes|occhiali
🔧 spanner|llave inglesa|clé à molette|chiave inglese
🎅 santa|papá Noel|père Noël|Babbo Natale
👍 thumbs up|pulgar arriba|pouce levé|pollice in su
☂️ umbrella|paraguas|parapluie|ombrello
⌛ hourglass|reloj de arena|sablier|clessidra
⏰ clock|despertador|réveil|sveglia
🎁 gift|regalo|cadeau|regalo
💡 light bulb|bombilla|ampoule|lampadina
📕 book|libro|livre|libro
✏️ pencil|lápiz|crayon|matita
📎 paperclip|clip|trombone|graffetta
✂️ scissors|tijeras|ciseaux|forbici
🔒 lock|candado|cadenas|lucchetto
🔑 key|llave|clé|chiave
🔨 hammer|martillo|marteau|martello
☎️ telephone|teléfono|téléphone|telefono
🏁 flag|bandera|drapeau|bandiera
🚂 train|tren|train|treno
🚲 bicycle|bicicleta|vélo|bicicletta
✈️ aeroplane|avión|avion|aereo
🚀 rocket|cohete|fusée|razzo
🏆 trophy|trofeo|trophée|trofeo
⚽ ball|pelota|ballon|palla
🎸 guitar|guitarra|guitare|chitarra
🎺 trumpet|trompeta|trompette|tromba
🔔 bell|campana|cloche|campana
⚓ anchor|ancla|ancre|ancora
🎧 headphones|auriculares|casque|cuffie
📁 folder|carpeta|dossier|cartella
📌 pin|chincheta|punaise|puntina
`;

/** By position; each with its name in every language. */
export const PICTURES: readonly { readonly glyph: string; readonly names: Names }[] = TABLE.trim()
  .split("\n")
  .map((line) => {
    const [glyph, ...words] = line.split(" ");
    const [en, es, fr, it] = words.join(" ").split("|");
    return { glyph: glyph!, names: { en: en!, es: es!, fr: fr!, it: it! } };
  });
