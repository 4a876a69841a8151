import Testing

@testable import belay

@Suite("What commands print")
struct OutputTests {
  @Test(
    "Bytes are shown with three digits at most",
    arguments: [
      (UInt64(0), "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (1536, "1.5 KiB"),
      (1 << 30, "1.0 GiB"),
      (UInt64.max, "16384 PiB"),
    ])
  func bytes(_ count: UInt64, _ text: String) {
    #expect(Quantities.bytes(count) == text)
  }

  @Test("Times show hours only where there are some")
  func clock() {
    #expect(Quantities.clock(seconds: 0) == "0:00")
    #expect(Quantities.clock(seconds: 125) == "2:05")
    #expect(Quantities.clock(seconds: 3609) == "1:00:09")
  }

  @Test("A table's columns are as wide as their widest cell, and lines have no trailing blanks")
  func table() {
    var table = TextTable("A", "LONG")
    table.add("wide cell", "x")
    #expect(table.text == "A          LONG\nwide cell  x")
  }

  @Test("A bar is never longer than its width, whatever the counters say")
  func bar() {
    #expect(ProgressBar.text(done: 5, of: 10, width: 4) == "[##--]")
    #expect(ProgressBar.text(done: 20, of: 10, width: 4) == "[####]")
    #expect(ProgressBar.text(done: 1, of: 0, width: 4) == "[----]")
    #expect(ProgressBar.percent(done: 1, of: 2) == " 50%")
    #expect(ProgressBar.percent(done: 0, of: 0) == "   -")
  }

  @Test("A rate is that of the last seconds, and begins anew where a counter falls")
  func rate() {
    var meter = RateMeter()
    let start = ContinuousClock.now
    #expect(meter.bytesPerSecond == nil)
    meter.record(0, at: start)
    meter.record(100, at: start + .seconds(1))
    #expect(meter.bytesPerSecond == 100)
    for second in 2...20 { meter.record(UInt64(second * 100), at: start + .seconds(second)) }
    #expect(meter.bytesPerSecond == 100)
    meter.record(0, at: start + .seconds(21))
    #expect(meter.bytesPerSecond == nil)
  }

  @Test("Names are taken in their short and their full form")
  func names() {
    #expect(fullName("nightly", in: "jobs") == "jobs/nightly")
    #expect(fullName("jobs/nightly", in: "jobs") == "jobs/nightly")
    #expect(lastPart("jobs/nightly/sessions/s") == "s")
  }

  @Test("An exit code means one thing")
  func exitCodes() {
    #expect(Set(ExitStatus.allCases.map(\.rawValue)).count == ExitStatus.allCases.count)
    for status in ExitStatus.allCases { #expect(ExitStatus.help.contains(status.meaning)) }
  }
}
