// A browser starts no Worker for a page that was opened from a folder. There the search runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super()
      this.onmessage = null
      this.waiting = []
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      this.frame.addEventListener("answer", ({ detail }) => setTimeout(() => this.receive(detail)))
      this.frame.addEventListener("load", () => this.start())
      const script = document.createElement("script")
      script.src = new URL(address, location)
      this.frame.srcdoc =
        `<script>self.postMessage = detail => frameElement.dispatchEvent(new CustomEvent("answer", { detail }))</script>` +
        script.outerHTML
      document.documentElement.append(this.frame)
    }

    start() {
      const waiting = this.waiting
      this.waiting = null
      for (const data of waiting) this.postMessage(data)
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data)
      else setTimeout(() => this.send(structuredClone(data)))  // later, as a Worker's messages come
    }

    send(data) {
      this.frame.contentWindow?.dispatchEvent(new MessageEvent("message", { data }))
    }

    receive(data) {
      const event = new MessageEvent("message", { data })
      this.onmessage?.(event)
      this.dispatchEvent(event)
    }

    terminate() {
      this.frame.remove()
    }
  }
}
