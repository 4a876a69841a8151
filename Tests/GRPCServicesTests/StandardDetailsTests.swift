import GRPC
import ProtobufC
import Testing
import WellKnownTypes

@Suite("The standard error details") struct StandardDetailsTests {
  private static let message = "too many jobs \u{2014} wait"

  private static let all: [any WireMessage & NamedMessage] = [
    GoogleRpc.ErrorInfo(reason: "JOB_LIMIT", domain: "jobs.example.com", metadata: ["limit": "5"]),
    GoogleRpc.RetryInfo(retryDelay: GoogleProtobuf.Duration(.milliseconds(1500))),
    GoogleRpc.DebugInfo(stackEntries: ["inner", "outer"], detail: "d"),
    GoogleRpc.QuotaFailure(violations: [
      .init(
        subject: "user:a", description: "used up", apiService: "jobs", quotaMetric: "jobs/count",
        quotaID: "per-user", quotaDimensions: ["region": "eu"], quotaValue: 5)
    ]),
    GoogleRpc.PreconditionFailure(violations: [
      .init(type: "TOS", subject: "a", description: "not accepted")
    ]),
    GoogleRpc.BadRequest(fieldViolations: [
      .init(
        field: "job.name", description: "empty", reason: "EMPTY",
        localizedMessage: .init(locale: "de", message: "leer"))
    ]),
    GoogleRpc.RequestInfo(requestID: "r1", servingData: "x"),
    GoogleRpc.ResourceInfo(
      resourceType: "job", resourceName: "a", owner: "b", description: "locked"),
    GoogleRpc.Help(links: [.init(description: "manual", url: "https://example.com/")]),
    GoogleRpc.LocalizedMessage(locale: "en", message: "No."),
  ]

  /// The same, as Python's `googleapis-common-protos` writes them in `grpc-status-details-bin`.
  private static let golden = """
    CAgSFnRvbyBtYW55IGpvYnMg4oCUIHdhaXQaVQoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLkVycm9y\
    SW5mbxIpCglKT0JfTElNSVQSEGpvYnMuZXhhbXBsZS5jb20aCgoFbGltaXQSATUaNgoodHlwZS5nb29nbGVhcGlz\
    LmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIKCggIARCAyrXuARo9Cih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2ds\
    ZS5ycGMuRGVidWdJbmZvEhEKBWlubmVyCgVvdXRlchIBZBpuCit0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5y\
    cGMuUXVvdGFGYWlsdXJlEj8KPQoGdXNlcjphEgd1c2VkIHVwGgRqb2JzIgpqb2JzL2NvdW50KghwZXItdXNlcjIM\
    CgZyZWdpb24SAmV1OAUaTgoydHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlByZWNvbmRpdGlvbkZhaWx1\
    cmUSGAoWCgNUT1MSAWEaDG5vdCBhY2NlcHRlZBpTCil0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuQmFk\
    UmVxdWVzdBImCiQKCGpvYi5uYW1lEgVlbXB0eRoFRU1QVFkiCgoCZGUSBGxlZXIaNQoqdHlwZS5nb29nbGVhcGlz\
    LmNvbS9nb29nbGUucnBjLlJlcXVlc3RJbmZvEgcKAnIxEgF4GkIKK3R5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xl\
    LnJwYy5SZXNvdXJjZUluZm8SEwoDam9iEgFhGgFiIgZsb2NrZWQaRwojdHlwZS5nb29nbGVhcGlzLmNvbS9nb29n\
    bGUucnBjLkhlbHASIAoeCgZtYW51YWwSFGh0dHBzOi8vZXhhbXBsZS5jb20vGjwKL3R5cGUuZ29vZ2xlYXBpcy5j\
    b20vZ29vZ2xlLnJwYy5Mb2NhbGl6ZWRNZXNzYWdlEgkKAmVuEgNOby4
    """

  @Test("All of them are packed as another implementation packs them")
  func packed() {
    let error = RPCError(.resourceExhausted, Self.message, attaching: Self.all)
    let fields = ResponseTrailers(error).fields
    #expect(fields.first { $0.name == "grpc-status-details-bin" }?.value == Self.golden)
  }

  @Test("All of them are read as another implementation wrote them")
  func unpacked() throws {
    let trailers = ResponseTrailers(
      fields: [
        HeaderField("grpc-status", "8"), HeaderField("grpc-status-details-bin", Self.golden),
      ],
      isTrailersOnly: false)
    let error = try #require(trailers.error)
    #expect(error.status?.code == 8)
    #expect(error.status?.message == Self.message)
    #expect(error.status?.details.count == Self.all.count)
    for expected in Self.all { try expect(expected, in: error) }
  }

  private func expect<M: WireMessage & NamedMessage>(_ expected: M, in error: RPCError) throws {
    let found = try #require(error.detail(M.self), "no \(M.messageName)")
    #expect(try found.wireBytes() == expected.wireBytes(), "\(M.messageName)")
  }

  @Test("A detail without an encoding is left out, and the error is there all the same")
  func unencodable() {
    let error = RPCError(
      .notFound, "gone",
      attaching: [
        GoogleRpc.Help(links: [.init(description: "a\u{0}", url: "")]),
        GoogleRpc.RequestInfo(requestID: "r1"),
      ])
    #expect(error.code == .notFound && error.message == "gone")
    #expect(error.detail(GoogleRpc.Help.self) == nil)
    #expect(error.detail(GoogleRpc.RequestInfo.self)?.requestID == "r1")
  }
}
