import GRPC
import GRPCServices
import Testing
import WellKnownTypes

@Suite(.timeLimit(.minutes(1))) struct ReflectionTests {
  private typealias Wire = GrpcReflectionV1
  private typealias Question = Wire.ServerReflectionRequest.MessageRequest
  private typealias Answer = Wire.ServerReflectionResponse.MessageResponse

  private let channel: InProcessTransport

  init() {
    var router = Router()
    router.add(HealthService(HealthStatuses()))
    router.add(ChannelzNames())
    router.unary(MethodDescriptor(service: "by.Hand", method: "Do", kind: .unary)) {
      (request: GoogleProtobuf.Empty, _) in request
    }
    router.add(ReflectionService(describing: router))
    channel = InProcessTransport(serving: router)
  }

  /// Asks each question on one stream.
  private func ask(_ questions: Question?...) async throws -> [Wire.ServerReflectionResponse] {
    try await Wire.ServerReflectionClient(channel).serverReflectionInfo { requests, responses in
      var answers: [Wire.ServerReflectionResponse] = []
      var iterator = responses.makeAsyncIterator()
      for question in questions {
        try await requests.write(.init(host: "here", messageRequest: question))
        if let answer = try await iterator.next() { answers.append(answer) }
      }
      requests.finish()
      let end = try await iterator.next()
      #expect(end == nil)
      return answers
    }
  }

  /// The answer's files, by the name that each begins with.
  private func names(_ response: Wire.ServerReflectionResponse?) -> [String] {
    guard case .fileDescriptorResponse(let files)? = response?.messageResponse else { return [] }
    // FileDescriptorProto's first field is the name.
    return files.fileDescriptorProto.map { bytes in
      String(decoding: bytes.dropFirst(2).prefix(Int(bytes[1])), as: UTF8.self)
    }
  }

  private func errorCode(_ response: Wire.ServerReflectionResponse?) -> Int? {
    guard case .errorResponse(let error)? = response?.messageResponse else { return nil }
    return Int(error.errorCode)
  }

  @Test("Every service is listed, by order of name, and the question comes back with the answer")
  func list() async throws {
    let answer = try #require(try await ask(.listServices("")).first)
    #expect(answer.validHost == "here")
    #expect(answer.originalRequest?.messageRequest == .listServices(""))
    #expect(
      answer.messageResponse
        == .listServicesResponse(
          .init(
            service: [
              "by.Hand", "grpc.channelz.v1.Channelz", "grpc.health.v1.Health",
              "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
            ].map { .init(name: $0) })))
  }

  @Test(
    "A symbol of any kind leads to its file",
    arguments: [
      "grpc.health.v1.Health", "grpc.health.v1.Health.Watch", "grpc.health.v1.HealthCheckRequest",
      "grpc.health.v1.HealthCheckRequest.service",
      "grpc.health.v1.HealthListResponse.StatusesEntry",
      "grpc.health.v1.HealthCheckResponse.ServingStatus",
      "grpc.health.v1.HealthCheckResponse.SERVICE_UNKNOWN",
    ])
  func symbols(symbol: String) async throws {
    let answers = try await ask(.fileContainingSymbol(symbol))
    #expect(names(answers.first) == ["grpc/health/v1/health.proto"])
  }

  @Test("A oneof leads to its file")
  func oneof() async throws {
    let answers = try await ask(
      .fileContainingSymbol("grpc.reflection.v1.ServerReflectionRequest.message_request"))
    #expect(names(answers.first) == ["grpc/reflection/v1/reflection.proto"])
  }

  @Test("A file comes with what it imports; what a stream has had comes again only when asked for")
  func imports() async throws {
    let channelz = "grpc/channelz/v1/channelz.proto"
    let answers = try await ask(
      .fileByFilename("google/protobuf/any.proto"), .fileByFilename(channelz),
      .fileByFilename(channelz))
    #expect(names(answers[0]) == ["google/protobuf/any.proto"])
    #expect(
      names(answers[1]) == [
        channelz, "google/protobuf/duration.proto", "google/protobuf/timestamp.proto",
        "google/protobuf/wrappers.proto",
      ])
    #expect(names(answers[2]) == [channelz])
  }

  @Test("What is not there is NOT_FOUND within the stream, which goes on")
  func errors() async throws {
    let answers = try await ask(
      .fileByFilename("no.proto"), .fileContainingSymbol("grpc.health.v1.health"),
      .fileContainingSymbol("by.Hand"),
      .fileContainingExtension(
        .init(containingType: "grpc.health.v1.HealthCheckRequest", extensionNumber: 100)),
      .allExtensionNumbersOfType("grpc.health.v1.Nothing"), nil,
      .allExtensionNumbersOfType("grpc.health.v1.HealthCheckRequest"))
    #expect(answers.prefix(5).map(errorCode) == Array(repeating: 5, count: 5))
    #expect(errorCode(answers[5]) == 3)
    #expect(
      answers[6].messageResponse
        == .allExtensionNumbersResponse(
          .init(baseTypeName: "grpc.health.v1.HealthCheckRequest", extensionNumber: [])))
  }

  @Test("Extensions are found by what they extend, and by their numbers in order")
  func extensions() async throws {
    // package e; message M { extensions 100 to 199; } service S {}
    // extend M { optional int32 x101 = 101; optional int32 x100 = 100; }
    let file = ProtoFile(
      "e.proto", imports: [],
      base64: """
        CgdlLnByb3RvEgFlIgoKAU0qBQhkEMgBMgMKAVM6EgoEeDEwMRIELmUuTRhlIAEoBToSCgR4MTAwEgQuZS5NGGQgASgF
        """)
    var router = Router()
    router.describe("e.S", by: file)
    router.add(ReflectionService(describing: router))
    let channel = InProcessTransport(serving: router)
    try await Wire.ServerReflectionClient(channel).serverReflectionInfo { requests, responses in
      var iterator = responses.makeAsyncIterator()
      try await requests.write(
        .init(
          messageRequest: .fileContainingExtension(
            .init(containingType: "e.M", extensionNumber: 101))))
      let files = names(try await iterator.next())
      #expect(files == ["e.proto"])
      try await requests.write(.init(messageRequest: .allExtensionNumbersOfType("e.M")))
      let numbers = try await iterator.next()?.messageResponse
      #expect(
        numbers
          == .allExtensionNumbersResponse(.init(baseTypeName: "e.M", extensionNumber: [100, 101])))
    }
  }

  @Test("v1alpha answers as v1 does")
  func alpha() async throws {
    let client = GrpcReflectionV1alpha.ServerReflectionClient(channel)
    try await client.serverReflectionInfo { requests, responses in
      try await requests.write(
        .init(messageRequest: .fileContainingSymbol("grpc.health.v1.Health")))
      requests.finish()
      var count = 0
      for try await response in responses {
        count += 1
        guard case .fileDescriptorResponse(let files)? = response.messageResponse else {
          Issue.record("\(response)")
          continue
        }
        #expect(files.fileDescriptorProto == [GrpcHealthV1.ProtoFiles.health.descriptor])
      }
      #expect(count == 1)
    }
  }
}

/// Channelz by its name, with none of its methods.
private struct ChannelzNames: GrpcChannelzV1.ChannelzServer {}
