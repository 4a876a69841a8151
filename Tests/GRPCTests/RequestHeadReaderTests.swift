import Testing

@testable import GRPC

@Suite("Request heads read from bytes")
struct RequestHeadReaderTests {
  private static func router() -> Router {
    var router = Router()
    for name in ["A", "B"] {
      router.unary(MethodDescriptor(service: "s", method: name, kind: .unary)) {
        (text: Text, _) in text
      }
    }
    return router
  }

  private var reader = RequestHeadReader(router: Self.router(), limits: CallLimits())

  private mutating func read(_ more: KeyValuePairs<String, String>) throws -> RequestHead {
    let fields: [(String, String)] =
      [(":method", "POST"), ("content-type", "application/grpc")] + more.map { ($0.key, $0.value) }
    for (name, value) in fields {
      reader.read(name: Array(name.utf8).span, value: Array(value.utf8).span)
    }
    return try reader.finish()
  }

  @Test("a known path becomes its route, and another stays what it is")
  mutating func routes() throws {
    let known = try read([":path": "/s/B"])
    #expect(known.route?.method.method == "B")
    #expect(known.path == "/s/B")
    let unknown = try read([":path": "/s/C"])
    #expect(unknown.route == nil)
    #expect(unknown.path == "/s/C")
  }

  @Test("nothing of one head is in the next one")
  mutating func nothingStays() throws {
    let first = try read([":path": "/s/A", "grpc-timeout": "1S", "a": "b"])
    #expect(first.timeout == .seconds(1))
    #expect(first.metadata["a"] == "b")
    let second = try read([:])
    #expect(second == RequestHead(path: ""))
    #expect(second.route == nil)
  }

  @Test(
    "the attempts before are a number, or none",
    arguments: [("0", 0), ("1", 1), ("999999999", 999_999_999), ("-1", 0), ("", 0), ("1x", 0)]
      + [("9999999999", 0), ("+1", 0)])
  mutating func previousAttempts(value: String, expected: Int) throws {
    let head = try read(["grpc-previous-rpc-attempts": value])
    #expect(head.previousAttempts == expected)
    #expect(head.metadata.isEmpty)
    #expect(try read([:]).previousAttempts == 0)
  }

  @Test("metadata that differs by one byte, or by where a name ends, is read anew")
  mutating func remembersOnlyTheSame() throws {
    #expect(try read(["ab": "c"]).metadata["ab"] == "c")
    #expect(try read(["ab": "c"]).metadata["ab"] == "c")
    #expect(try read(["a": "bc"]).metadata["a"] == "bc")
    #expect(try read(["a": "bd"]).metadata["a"] == "bd")
    #expect(try read([:]).metadata.isEmpty)
    let large = String(repeating: "x", count: 2000)
    #expect(try read(["a": large]).metadata["a"] == large)
    #expect(try read([:]).metadata.isEmpty)
  }

  @Test("a refused head leaves the reader fit for the next one")
  mutating func afterRefusal() throws {
    #expect(throws: RequestRefusal.self) { try read(["a": "\u{1}", "b": "c"]) }
    #expect(throws: RequestRefusal.self) { try read(["grpc-timeout": "x", "b": "c"]) }
    #expect(try read(["grpc-timeout": "5m"]) == RequestHead(path: "", timeout: .milliseconds(5)))
  }

  @Test("what a client accepts may be said in several fields")
  mutating func acceptedEncodings() throws {
    let head = try read(["grpc-accept-encoding": "gzip, br", "grpc-accept-encoding": "identity"])
    #expect(head.acceptedEncodings == .gzip)
  }

  @Test("of several faults, the first in the order of the fields is told")
  mutating func firstFault() {
    let timeout = #expect(throws: RequestRefusal.self) {
      try read(["grpc-timeout": "x", "grpc-encoding": "x"])
    }
    #expect(timeout?.error.code == .internal)
    let encoding = #expect(throws: RequestRefusal.self) {
      try read(["grpc-encoding": "x", "grpc-timeout": "x"])
    }
    #expect(encoding?.error.code == .unimplemented)
  }

  @Test("no field of HTTP's or gRPC's becomes metadata, and those that only look like it do")
  mutating func reserved() throws {
    let head = try read([
      ":scheme": "http", ":authority": "x", "te": "trailers", "host": "x", "grpc-x": "x",
      "content-length": "1", "user-agent": "u", "tea": "t", "content-lengthy": "l",
    ])
    #expect(head.metadata.map(\.name) == ["user-agent", "tea", "content-lengthy"])
  }

  @Test("every path finds its own route, however many there are")
  func table() {
    var table = RouteTable()
    let names = (0..<300).map { "m\($0)" } + ["", "averyverylongname"]
    for name in names {
      table.add(Route(MethodDescriptor(service: "s", method: name, kind: .unary)) { _ in nil })
    }
    for name in names {
      #expect(table.find(Array("/s/\(name)".utf8).span)?.method.method == name)
    }
    for path in ["", "/", "/s/m300", "/t/m1", "/s/m1/"] {
      #expect(table.find(Array(path.utf8).span) == nil)
    }
  }

  @Test("a later route for a path takes the place of the earlier one")
  func replaces() {
    var table = RouteTable()
    let method = MethodDescriptor(service: "s", method: "m", kind: .unary)
    table.add(Route(method) { _ in nil })
    let later = Route(method) { _ in nil }
    table.add(later)
    #expect(table.routes.count == 1)
    #expect(table.find(Array("/s/m".utf8).span) === later)
  }
}
