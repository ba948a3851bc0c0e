package diary

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Energy is how somebody felt: a level from 1 (exhausted) to 5 (full of
// energy), and how that was written.
type Energy struct {
	Level   int
	Written string
}

// ParseEnergy reads a level of energy from a number (1 to 5, 4/5, 7/10, 80 %),
// a word of several languages, a colour or an emoji. Several of them give their
// mean. The error wraps ErrBadEntry.
func ParseEnergy(s string) (Energy, error) {
	written := strings.TrimSpace(s)
	text := normal(written)
	if level, ok := energyOf(text); ok {
		return Energy{Level: level, Written: written}, nil
	}
	sum, n := 0, 0
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '+' }) {
		level, ok := energyOf(word)
		if !ok {
			return Energy{}, unreadable(written)
		}
		sum += level
		n++
	}
	if n == 0 {
		return Energy{}, unreadable(written)
	}
	return Energy{Level: int(math.Round(float64(sum) / float64(n))), Written: written}, nil
}

func unreadable(written string) error {
	return fmt.Errorf("energy %q: need a number from 1 to 5, a word such as tired, ok or great, a colour from red to green, or a face: %w",
		clip(written), ErrBadEntry)
}

// UnmarshalJSON reads a JSON number or string with ParseEnergy.
func (e *Energy) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return fmt.Errorf("read energy: %w", err)
		}
	}
	parsed, err := ParseEnergy(text)
	*e = parsed
	return err
}

// MarshalJSON writes energy as it was written, which UnmarshalJSON reads.
func (e Energy) MarshalJSON() ([]byte, error) { return json.Marshal(e.Written) }

// normal lowers the case and drops what does not change the meaning: emoji
// variation selectors and skin tones, final punctuation, repeated spaces.
func normal(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == 0xfe0f || r == 0xfe0e || r == 0x200d || r >= 0x1f3fb && r <= 0x1f3ff:
			return -1
		case unicode.IsSpace(r) || r == '_':
			return ' '
		}
		return unicode.ToLower(r)
	}, s)
	return strings.Join(strings.Fields(strings.TrimRight(s, "!. ")), " ")
}

func energyOf(text string) (int, bool) {
	if level, ok := energyNumber(text); ok {
		return level, true
	}
	for i, words := range energyWords() {
		for word := range strings.SplitSeq(words, " | ") {
			if word == text {
				return i + 1, true
			}
		}
	}
	return 0, false
}

// energyNumber reads 1 to 5 with fractions, a share n/m of a scale that begins
// with 1, and percent.
func energyNumber(text string) (int, bool) {
	value, scale := text, ""
	if before, ok := strings.CutSuffix(text, "%"); ok {
		value, scale = strings.TrimSpace(before), "%"
	} else if before, after, ok := strings.Cut(text, "/"); ok {
		value, scale = strings.TrimSpace(before), strings.TrimSpace(after)
		if scale == "" {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(strings.Replace(value, ",", ".", 1), 64)
	if err != nil || !isFinite(v) {
		return 0, false
	}
	switch scale {
	case "":
	case "%":
		if v < 0 || v > 100 {
			return 0, false
		}
		v = 1 + v/25
	default:
		most, err := strconv.Atoi(scale)
		if err != nil || most < 2 || most > 100 || v > float64(most) {
			return 0, false
		}
		v = 1 + 4*(v-1)/float64(most-1)
	}
	if v < 1 || v > 5 {
		return 0, false
	}
	return int(math.Round(v)), true
}

// energyWords lists what stands for each level, 1 to 5: English, German,
// Norwegian/Danish/Swedish, French, Spanish, Italian, colours, emoticons, emoji.
func energyWords() [5]string {
	return [5]string{
		"exhausted | empty | awful | terrible | very tired | dead | drained | wrecked | burnt out | burned out | sick | ill | very low | very bad | " +
			"erschöpft | leer | kaputt | sehr müde | krank | sehr schlecht | " +
			"utslitt | utmattet | utmattad | udmattet | veldig sliten | syk | sjuk | syg | " +
			"épuisé | épuisée | vidé | vidée | très fatigué | très fatiguée | malade | " +
			"agotado | agotada | muy cansado | muy cansada | enfermo | enferma | esausto | esausta | sfinito | sfinita | malato | malata | " +
			"red | rot | rød | röd | rouge | rojo | rosso | " +
			":'( | :(( | 😫 | 😩 | 😵 | 😵💫 | 🤒 | 🤕 | 🤢 | 🤮 | 🤧 | 💀 | 😭 | 😖 | 😞 | 🪫 | 🔴 | 🟥",
		"tired | low | bad | poor | weak | heavy | sluggish | sleepy | sore | meh | " +
			"müde | schlapp | schlecht | schwach | matt | " +
			"sliten | trøtt | træt | trött | dårlig | dålig | slapp | " +
			"fatigué | fatiguée | las | lasse | mal | mauvais | " +
			"cansado | cansada | flojo | floja | stanco | stanca | debole | male | " +
			"orange | oransje | naranja | arancione | arancio | " +
			":( | :-( | :/ | :-/ | 🙁 | ☹ | 😕 | 😟 | 😔 | 😪 | 🥱 | 😴 | 😣 | 😓 | 👎 | 🟠 | 🟧",
		"ok | okay | so so | so-so | average | normal | fair | medium | neutral | fine | moderate | " +
			"mittel | geht so | durchschnittlich | in ordnung | " +
			"greit | middels | helt ok | sådär | " +
			"moyen | moyenne | ça va | correct | comme ci comme ça | regular | así así | medio | media | così così | nella norma | " +
			"yellow | gelb | gul | jaune | amarillo | giallo | " +
			":| | :-| | 😐 | 😑 | 😶 | 🆗 | 👌 | 🟡 | 🟨",
		"good | well | fresh | rested | high | strong | happy | " +
			"gut | frisch | ausgeruht | fit | " +
			"bra | god | godt | uthvilt | frisk | pigg | sterk | stark | stærk | " +
			"bien | bon | bonne | en forme | reposé | reposée | frais | fraîche | " +
			"bueno | buena | descansado | descansada | fresco | fresca | bene | buono | buona | riposato | riposata | in forma | " +
			"green | light green | grün | hellgrün | grønn | grøn | grön | vert | verde | " +
			":) | :-) | 🙂 | 😊 | ☺ | 😌 | 😉 | 👍 | 🟢 | 🟩 | 🔋",
		"great | excellent | very good | super | superb | fantastic | amazing | energetic | full | very high | awesome | perfect | " +
			"sehr gut | ausgezeichnet | top | spitze | prima | energiegeladen | topfit | " +
			"veldig bra | kjempebra | strålende | supert | topp | toppen | jättebra | fremragende | " +
			"très bien | excellente | génial | en pleine forme | parfait | " +
			"muy bien | excelente | genial | perfecto | ottimo | ottima | benissimo | eccellente | perfetto | " +
			"dark green | dunkelgrün | mørkegrønn | mørkegrøn | mörkgrön | vert foncé | verde oscuro | verde scuro | " +
			":d | :-d | :)) | 😀 | 😃 | 😄 | 😁 | 😆 | 😎 | 🤩 | 🥳 | 💪 | 🚀 | 🔥 | ⚡ | 💚",
	}
}
