// Runs in every page before its own scripts and notes what the tests want to know: frames of websockets, peer connections, what is pressed,
// breaches of the content security policy. It changes nothing of what the page can do.
(report) => {
	const tell = (kind, text) => report(JSON.stringify({kind, text: String(text), at: Date.now()}));

	document.addEventListener("securitypolicyviolation", (e) =>
		tell("csp", `${e.effectiveDirective} refused ${e.blockedURI} at ${e.sourceFile}:${e.lineNumber}`));

	const sockets = [];
	window.WebSocket = class extends WebSocket {
		constructor(...args) {
			super(...args);
			sockets.push(this);
			tell("socket", this.url);
			this.addEventListener("message", (e) => tell("received", e.data));
			this.addEventListener("close", (e) => tell("closed", e.code));
		}
		send(data) {
			tell("sent", data);
			super.send(data);
		}
	};

	const peers = [];
	window.RTCPeerConnection = class extends RTCPeerConnection {
		constructor(...args) {
			super(...args);
			peers.push(this);
		}

		addTransceiver(...args) {
			this.lines = (this.lines ?? 0) + 1;
			return super.addTransceiver(...args);
		}
	};

	// What a person presses, with whatever.
	addEventListener("click", (e) => e.isTrusted && tell("pressed", e.target.closest("button, a, label, summary")?.textContent.trim() ?? ""), {capture: true});

	// When the banner of a lost connection comes and goes.
	addEventListener("DOMContentLoaded", () => {
		const banner = document.querySelector("#banner");
		if (!banner) return;
		let hidden = banner.hidden;
		new MutationObserver(() => {
			if (banner.hidden === hidden) return;
			hidden = banner.hidden;
			tell("banner", hidden ? "" : banner.textContent);
		}).observe(banner, {attributes: true});
	});

	// A probe of the page's media, for functions that the tests run in the page.
	let ears;
	const analysers = new WeakMap();
	window.witness = {
		// All but those that only try one way out of the network, and have a single line for that.
		get peers() {
			return peers.filter((each) => each.lines !== 1);
		},
		sockets,

		// From now on notes when each frame of others' cameras comes to the screen (milliseconds of Unix time), by its video element.
		frames: new Map(),
		follow() {
			this.frames.clear();
			if (this.following) return;
			const attach = () => {
				for (const video of document.querySelectorAll("#stage video:not(.own)")) {
					if (attached.has(video)) continue;
					attached.add(video);
					const frame = () => {
						if (!this.frames.has(video)) this.frames.set(video, []);
						this.frames.get(video).push(Date.now());
						video.requestVideoFrameCallback(frame);
					};
					video.requestVideoFrameCallback(frame);
				}
			};
			const attached = new WeakSet();
			this.following = setInterval(attach, 50);
			attach();
		},

		// When the nth frame since a time came, of any camera; 0 for not yet.
		nthFrame(n, since) {
			const after = [...this.frames.values()].flat().filter((at) => at >= since);
			return after.sort((a, b) => a - b)[n - 1] ?? 0;
		},

		// The longest time without a frame of one video, since follow() or the time given until now.
		longest(video, since = 0) {
			const times = (this.frames.get(video) ?? []).filter((at) => at >= since);
			return Math.max(...[...times, Date.now()].map((at, i, all) => at - (i ? all[i - 1] : since || at)));
		},

		// What all peer connections have received of others so far.
		async received() {
			const sum = {packets: 0, lost: 0, frames: 0, freezes: 0, frozen: 0, concealed: 0, samples: 0};
			for (const peer of peers) {
				if (peer.connectionState === "closed") continue;
				for (const each of (await peer.getStats()).values()) {
					if (each.type !== "inbound-rtp") continue;
					sum.packets += each.packetsReceived ?? 0;
					sum.lost += each.packetsLost ?? 0;
					sum.frames += each.framesDecoded ?? 0;
					sum.freezes += each.freezeCount ?? 0;
					sum.frozen += each.totalFreezesDuration ?? 0;
					sum.concealed += each.concealedSamples ?? 0;
					sum.samples += each.totalSamplesReceived ?? 0;
				}
			}
			return sum;
		},

		// The four quadrants of what a video element shows, each [red, green, blue] of 0 to 255, after two new frames; null without.
		async quadrants(video) {
			if (!video.videoWidth) return null;
			const fresh = () => new Promise((done) => {
				setTimeout(() => done(false), 2000);
				video.requestVideoFrameCallback(() => done(true));
			});
			if (!await fresh() || !await fresh()) return null;
			const canvas = document.createElement("canvas");
			[canvas.width, canvas.height] = [64, 36];
			const pen = canvas.getContext("2d", {willReadFrequently: true});
			pen.drawImage(video, 0, 0, 64, 36);
			return [[16, 9], [48, 9], [16, 27], [48, 27]].map(([x, y]) => {
				const sum = [0, 0, 0];
				const {data} = pen.getImageData(x - 2, y - 2, 5, 5);
				data.forEach((value, i) => { if (i % 4 < 3) sum[i % 4] += value; });
				return sum.map((value) => Math.round(value / 25));
			});
		},

		// The part of the window where a video's picture is, whatever its object-fit; null when it isn't on screen.
		where(video) {
			if (!video?.checkVisibility({visibilityProperty: true, opacityProperty: true}) || !video.videoWidth) return null;
			const box = video.getBoundingClientRect();
			const [x, y] = [box.width / video.videoWidth, box.height / video.videoHeight];
			const scale = getComputedStyle(video).objectFit === "cover" ? Math.max(x, y) : Math.min(x, y);
			const [width, height] = [Math.min(box.width, video.videoWidth * scale), Math.min(box.height, video.videoHeight * scale)];
			return {X: box.x + (box.width - width) / 2, Y: box.y + (box.height - height) / 2, Width: width, Height: height};
		},

		// How far hz stands out of a track's sound just now, in decibels over the middle of the spectrum; 0 when it is too quiet to hear.
		over(track, hz) {
			let analyser = analysers.get(track);
			if (!analyser) {
				analyser = new AnalyserNode(ears, {fftSize: 4096, smoothingTimeConstant: 0});
				new MediaStreamAudioSourceNode(ears, {mediaStream: new MediaStream([track])}).connect(analyser);
				analysers.set(track, analyser);
			}
			const spectrum = new Float32Array(analyser.frequencyBinCount);
			analyser.getFloatFrequencyData(spectrum);
			const bin = Math.round(hz / ears.sampleRate * analyser.fftSize);
			const peak = Math.max(...spectrum.slice(bin - 2, bin + 3));
			if (!(peak > -70)) return 0;
			const around = [...spectrum.slice(10, 800)].map((level) => Math.max(level, -150)).sort((a, b) => a - b);
			return peak - around[around.length >> 1];
		},

		// True as soon as hz comes out of any element that plays; false if it doesn't within so many seconds of sound.
		async hears(hz, seconds) {
			ears ??= new AudioContext();
			await ears.resume();
			for (const start = ears.currentTime; ears.currentTime - start < seconds;) {
				const playing = [...document.querySelectorAll("audio, video")].filter((e) => !e.paused && !e.muted && e.volume > 0);
				const tracks = playing.flatMap((e) => e.srcObject?.getAudioTracks() ?? []);
				if (tracks.some((track) => this.over(track, hz) > 30)) return true;
				await new Promise((next) => setTimeout(next, 30));
			}
			return false;
		},
	};
}
