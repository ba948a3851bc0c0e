package fitfile

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/tormoder/fit"

	"plodwatch/schema"
)

// sportName returns the profile's name of a sport.
func sportName(s fit.Sport) schema.Sport {
	if s == fit.SportInvalid {
		return schema.SportGeneric
	}
	name := snake(s.String())
	if !strings.Contains(name, "(") {
		return schema.Sport(name)
	}
	if later := laterSport(s); later != "" {
		return schema.Sport(later)
	}
	return schema.Sport("sport_" + strconv.Itoa(int(s)))
}

// laterSport names sports that came into the profile after the one that
// tormoder/fit 0.15 was made from.
func laterSport(s fit.Sport) string {
	switch s {
	case 49:
		return "baseball"
	case 58:
		return "winter_sport"
	case 65:
		return "wheelchair_push_walk"
	case 66:
		return "wheelchair_push_run"
	case 67:
		return "meditation"
	case 80:
		return "mixed_martial_arts"
	case 82:
		return "snorkeling"
	case 83:
		return "dance"
	case 84:
		return "jump_rope"
	}
	return ""
}

// subSportName returns the profile's name of a sub-sport, "" when it is not
// given.
func subSportName(s fit.SubSport) string {
	if s == fit.SubSportInvalid {
		return ""
	}
	name := snake(s.String())
	if strings.Contains(name, "(") {
		return "sub_sport_" + strconv.Itoa(int(s))
	}
	return name
}

// deviceName returns manufacturer and product, "" when the file does not say.
func deviceName(m fit.Manufacturer, product uint16, name string) string {
	if m == fit.ManufacturerInvalid {
		return strings.TrimSpace(name)
	}
	maker := snake(m.String())
	if strings.Contains(maker, "(") {
		maker = "manufacturer_" + strconv.Itoa(int(m))
	}
	switch {
	case strings.HasPrefix(strings.ToLower(name), maker):
		return strings.TrimSpace(name)
	case name != "":
		return maker + " " + strings.TrimSpace(name)
	case product == 0 || product == invalid16:
		return maker
	}
	id := fit.FileIdMsg{Manufacturer: m, Product: product}
	if p, ok := id.GetProduct().(fit.GarminProduct); ok {
		if text := snake(p.String()); !strings.Contains(text, "(") {
			return maker + " " + text
		}
	}
	return maker + " " + strconv.Itoa(int(product))
}

// snake turns CrossCountrySkiing into cross_country_skiing.
func snake(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 4)
	for i, r := range s {
		if unicode.IsUpper(r) {
			if i > 0 {
				b.WriteByte('_')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
