package xmltrack

import (
	"strings"

	"plodwatch/schema"
)

// SportOf turns the word that a file has for its sport (the <type> of a GPX
// track, the Sport of a TCX activity) into a sport and sub-sport of the
// FIT profile. Strava wrote numbers there until 2023. What is not known is
// generic.
func SportOf(text string) (sport schema.Sport, sub string) {
	word := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '_', '/':
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(text)))
	switch word {
	case "running", "run", "9", "jogging", "jog":
		return schema.SportRunning, ""
	case "trailrunning", "trailrun":
		return schema.SportRunning, "trail"
	case "treadmillrunning", "treadmill", "indoorrunning":
		return schema.SportRunning, "treadmill"
	case "trackrunning":
		return schema.SportRunning, "track"
	case "virtualrun", "virtualrunning", "53":
		return schema.SportRunning, "virtual_activity"
	case "walking", "walk", "10", "speedwalking":
		return schema.SportWalking, ""
	case "hiking", "hike", "4", "trekking":
		return schema.SportHiking, ""
	case "swimming", "swim", "16":
		return schema.SportSwimming, ""
	case "openwaterswimming", "openwaterswim":
		return schema.SportSwimming, "open_water"
	case "lapswimming", "poolswimming", "poolswim":
		return schema.SportSwimming, "lap_swimming"
	}
	if sub, ok := cyclingOf(word); ok {
		return schema.SportCycling, sub
	}
	return otherSportOf(word)
}

func cyclingOf(word string) (sub string, ok bool) {
	switch word {
	case "cycling", "biking", "bike", "ride", "bicycling", "1", "19":
		return "", true
	case "roadbiking", "roadcycling", "road":
		return "road", true
	case "mountainbiking", "mountainbikeride", "mtb", "mountain":
		return "mountain", true
	case "gravelcycling", "gravelride":
		return "gravel_cycling", true
	case "indoorcycling", "spinning":
		return "indoor_cycling", true
	case "virtualride", "virtualcycling", "17":
		return "virtual_activity", true
	case "handcycle", "51":
		return "hand_cycling", true
	}
	return "", false
}

func otherSportOf(word string) (sport schema.Sport, sub string) {
	switch word {
	case "ebikeride", "ebiking", "ebike", "18":
		return "e_biking", ""
	case "alpineski", "alpineskiing", "skiing", "resortskiing", "2":
		return "alpine_skiing", ""
	case "backcountryski", "backcountryskiing", "3":
		return "alpine_skiing", "backcountry"
	case "nordicski", "nordicskiing", "crosscountryskiing", "7":
		return "cross_country_skiing", ""
	case "iceskate", "iceskating", "5":
		return "ice_skating", ""
	case "inlineskate", "inlineskating", "6":
		return "inline_skating", ""
	case "snowboard", "snowboarding", "12":
		return "snowboarding", ""
	case "snowshoe", "snowshoeing", "13":
		return "snowshoeing", ""
	case "kayaking", "22":
		return "kayaking", ""
	case "rowing", "23":
		return "rowing", ""
	case "standuppaddling", "standuppaddleboarding", "sup", "24":
		return "stand_up_paddleboarding", ""
	case "surfing", "25":
		return "surfing", ""
	}
	return schema.SportGeneric, ""
}
