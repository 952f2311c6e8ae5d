package staff

import (
	"net/http"
	"strings"
)

// browserOf names the browser and the system a request comes from, so that people know their sessions apart: names alone, without versions.
// What it does not know it leaves out.
func browserOf(r *http.Request) string {
	agent := r.UserAgent()
	name := func(marks ...[2]string) string {
		for _, m := range marks {
			if strings.Contains(agent, m[0]) {
				return m[1]
			}
		}
		return ""
	}
	// The order matters: most browsers also say that they are others.
	browser := name([2]string{"Edg", "Edge"}, [2]string{"OPR/", "Opera"}, [2]string{"SamsungBrowser/", "Samsung Internet"}, [2]string{"Firefox/", "Firefox"},
		[2]string{"FxiOS/", "Firefox"}, [2]string{"CriOS/", "Chrome"}, [2]string{"Chrome/", "Chrome"}, [2]string{"Safari/", "Safari"})
	system := name([2]string{"iPhone", "iOS"}, [2]string{"iPad", "iPadOS"}, [2]string{"Android", "Android"}, [2]string{"CrOS", "ChromeOS"},
		[2]string{"Windows", "Windows"}, [2]string{"Macintosh", "macOS"}, [2]string{"Linux", "Linux"})
	if browser != "" && system != "" {
		return browser + ", " + system
	}
	return browser + system
}
