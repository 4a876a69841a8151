import GRPC
import Testing

@Suite("Heads and trailers on the wire")
struct HeadTests {
  private let good = [
    HeaderField(":method", "POST"), HeaderField(":path", "/a/b"),
    HeaderField("content-type", "application/grpc+proto"),
  ]

  @Test("a request's head comes as it was sent")
  func request() throws {
    var metadata = Metadata()
    try metadata.add("a", "b")
    let head = RequestHead(path: "/s/m", timeout: .seconds(3), metadata: metadata)
    #expect(try RequestHead(fields: head.fields(scheme: "http", authority: "x")) == head)
  }

  @Test(
    "what is no call is refused with its HTTP status or gRPC code",
    arguments: [
      (HeaderField(":method", "GET"), 405, StatusCode.internal),
      (HeaderField(":method", ""), 405, .internal),
      (HeaderField("content-type", "application/json"), 415, .internal),
      (HeaderField("content-type", "application/grpcx"), 415, .internal),
      (HeaderField("content-type", ""), 415, .internal),
      (HeaderField("grpc-timeout", "1 S"), 200, .internal),
      (HeaderField("grpc-timeout", ""), 200, .internal),
      (HeaderField("grpc-encoding", "br"), 200, .unimplemented),
      (HeaderField("a-bin", "!"), 200, .internal),
      (HeaderField("a", "\u{e9}"), 200, .internal),
      (HeaderField("a", String(repeating: "x", count: 9000)), 200, .resourceExhausted),
    ])
  func refusals(field: HeaderField, httpStatus: Int, code: StatusCode) throws {
    let fields = good.filter { $0.name != field.name } + [field]
    let refusal = #expect(throws: RequestRefusal.self) { try RequestHead(fields: fields) }
    #expect(refusal?.httpStatus == httpStatus)
    #expect(refusal?.error.code == code)
  }

  @Test("a request that is neither a POST nor gRPC's is told of its method")
  func method() {
    let refusal = #expect(throws: RequestRefusal.self) {
      try RequestHead(fields: [HeaderField(":method", "GET"), HeaderField(":path", "/")])
    }
    #expect(refusal?.httpStatus == 405)
  }

  @Test("details that can't be read are left out, and the status stands")
  func damagedDetails() {
    let trailers = ResponseTrailers(
      fields: [HeaderField("grpc-status", "5"), HeaderField("grpc-status-details-bin", "!")],
      isTrailersOnly: false)
    #expect(trailers.code == .notFound)
    #expect(trailers.details.isEmpty)
  }

  @Test("of two content types the first counts")
  func twoContentTypes() {
    let ours = HeaderField("content-type", "application/grpc")
    let other = HeaderField("content-type", "text/html")
    let ok = HeaderField(":status", "200")
    #expect(throws: Never.self) { try ResponseHead(fields: [ok, ours, other]) }
    #expect(throws: RPCError.self) { try ResponseHead(fields: [ok, other, ours]) }
  }

  @Test("an informational block is dropped whole, and no other")
  func informational() throws {
    var reader = ResponseReader()
    for (name, value) in [(":status", "103"), ("link", "x"), ("grpc-encoding", "br")] {
      reader.read(name: Array(name.utf8).span, value: Array(value.utf8).span)
    }
    let isInformational = reader.dropInformational()
    #expect(isInformational)
    for field in ResponseHead().fields {
      reader.read(name: Array(field.name.utf8).span, value: Array(field.value.utf8).span)
    }
    let isAnotherOne = reader.dropInformational()
    #expect(!isAnotherOne)
    let head = try reader.finishHead()
    #expect(head.metadata.isEmpty)
  }

  @Test(
    "the content types that are gRPC's",
    arguments: [
      "application/grpc", "application/grpc+json", "application/grpc;charset=utf-8",
      "Application/GRPC",
    ])
  func contentTypes(type: String) throws {
    let fields = good.dropLast() + [HeaderField("content-type", type)]
    #expect(try RequestHead(fields: Array(fields)).path == "/a/b")
  }

  @Test(
    "any status comes as it was sent, alone or after a head",
    arguments: [
      StatusCode.ok, .notFound, .unauthenticated, StatusCode(rawValue: 99),
    ])
  func trailers(code: StatusCode) throws {
    var metadata = Metadata()
    try metadata.addBinary("a-bin", [0, 255])
    var trailers = ResponseTrailers(
      RPCError(code, "Grüße\r\n%", details: [1, 2, 3]), metadata: metadata)
    trailers.code = code
    #expect(ResponseTrailers(fields: trailers.fields, isTrailersOnly: false) == trailers)
    #expect(ResponseTrailers(fields: trailers.fieldsOnly(), isTrailersOnly: true) == trailers)
  }

  @Test(
    "the last word of a strange server is some error",
    arguments: [
      ([], true, StatusCode.unknown),
      ([], false, .unknown),
      ([HeaderField(":status", "404")], true, .unimplemented),
      ([HeaderField(":status", "503")], true, .unavailable),
      ([HeaderField(":status", "999999999999999999999")], true, .unknown),
      ([HeaderField(":status", "200"), HeaderField("content-type", "text/html")], true, .unknown),
      ([HeaderField("grpc-status", "-1")], false, .unknown),
      ([HeaderField("grpc-status", "zero")], false, .unknown),
      ([HeaderField("grpc-status", "99999999999999999999999")], false, .unknown),
      ([HeaderField("grpc-status", "0"), HeaderField("a-bin", "!")], false, .internal),
    ] as [([HeaderField], Bool, StatusCode)])
  func strange(fields: [HeaderField], isTrailersOnly: Bool, code: StatusCode) {
    #expect(ResponseTrailers(fields: fields, isTrailersOnly: isTrailersOnly).code == code)
  }

  @Test(
    "a head that is not gRPC's is an error by its HTTP status",
    arguments: [
      ("401", StatusCode.unauthenticated), ("403", .permissionDenied), ("404", .unimplemented),
      ("429", .unavailable), ("400", .internal), ("500", .unknown), ("x", .unknown),
    ])
  func response(status: String, code: StatusCode) {
    let error = #expect(throws: RPCError.self) {
      try ResponseHead(fields: [HeaderField(":status", status)])
    }
    #expect(error?.code == code)
  }

  @Test(
    "a reset stream has the code that the mapping says",
    arguments: [
      (0, StatusCode.internal), (7, .unavailable), (8, .cancelled), (11, .resourceExhausted),
      (12, .permissionDenied), (.max, .internal),
    ] as [(UInt32, StatusCode)])
  func resets(http2: UInt32, code: StatusCode) {
    #expect(StatusCode(http2ErrorCode: http2) == code)
  }
}
